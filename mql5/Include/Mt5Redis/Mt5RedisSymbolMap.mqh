//+------------------------------------------------------------------+
//|                                          Mt5RedisSymbolMap.mqh   |
//|  The names that symbols have at this broker.                     |
//+------------------------------------------------------------------+
#ifndef MT5_REDIS_SYMBOL_MAP_MQH
#define MT5_REDIS_SYMBOL_MAP_MQH

//+------------------------------------------------------------------+
//| Reads a list like EURUSD=EURUSD.m, XAUUSD=GOLD. Other symbols    |
//| keep their names.                                                |
//+------------------------------------------------------------------+
class CMt5RedisSymbolMap
  {
private:
   string            m_theirs[];
   string            m_ours[];

   string            Trimmed(const string text_) const;

public:
   bool              Read(const string list_,string &error_);
   string            Of(const string symbol_) const;
  };
//+------------------------------------------------------------------+
string CMt5RedisSymbolMap::Trimmed(const string text_) const
  {
   string text_left_=text_;
   StringTrimLeft(text_left_);
   StringTrimRight(text_left_);
   return(text_left_);
  }
//+------------------------------------------------------------------+
//| False: an entry can never match; error says which one. Extra     |
//|        blanks and commas are ignored.                            |
//+------------------------------------------------------------------+
bool CMt5RedisSymbolMap::Read(const string list_,string &error_)
  {
   string pairs_[];
   int    found_=0;
   int    count_=StringSplit(list_,',',pairs_);
   ArrayResize(m_theirs,0);
   ArrayResize(m_ours,0);
   for(int i_=0; i_<count_; i_++)
     {
      string pair_=Trimmed(pairs_[i_]);
      string names_[];
      if(pair_=="")
         continue;
      int parts_=StringSplit(pair_,'=',names_);
      if(parts_!=2 || Trimmed(names_[0])=="" || Trimmed(names_[1])=="")
        {
         error_="symbols: \""+pair_+"\" is no pair like EURUSD=EURUSD.m, their name, = and this broker's name";
         return(false);
        }
      string theirs_=Trimmed(names_[0]);
      if(Of(theirs_)!=theirs_)
        {
         error_="symbols: "+theirs_+" has two names";
         return(false);
        }
      ArrayResize(m_theirs,found_+1);
      ArrayResize(m_ours,found_+1);
      m_theirs[found_]=theirs_;
      m_ours[found_]=Trimmed(names_[1]);
      found_++;
     }
   return(true);
  }
//+------------------------------------------------------------------+
string CMt5RedisSymbolMap::Of(const string symbol_) const
  {
   for(int i_=ArraySize(m_theirs)-1; i_>=0; i_--)
      if(m_theirs[i_]==symbol_)
         return(m_ours[i_]);
   return(symbol_);
  }
//+------------------------------------------------------------------+
#endif
