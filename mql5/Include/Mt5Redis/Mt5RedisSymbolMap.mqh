//+------------------------------------------------------------------+
//|                                          Mt5RedisSymbolMap.mqh   |
//|  The names that the source's symbols have at this broker.        |
//+------------------------------------------------------------------+
// A name is looked for in this order: the pairs that the trader listed; the name with the prefix and suffix taken away and
// added; the same name; and, if the trader allows it, the one symbol of this broker that has this name with something
// before or after it, and the same currencies and contract size. Where several symbols fit, none is chosen. How a symbol
// was found is printed when it is seen first.
//
// Which symbols may be opened is decided by the source's names. A close is followed whatever the lists say.
#ifndef MT5_REDIS_SYMBOL_MAP_MQH
#define MT5_REDIS_SYMBOL_MAP_MQH
#include "Mt5RedisPairs.mqh"
#include "Mt5RedisTask.mqh"

#define MT5R_CURRENCIES  "USD EUR GBP JPY CHF AUD NZD CAD SEK NOK DKK PLN HUF CZK RON TRY ZAR MXN SGD HKD CNH ILS THB"

//+------------------------------------------------------------------+
//| The map.                                                         |
//+------------------------------------------------------------------+
class CMt5RedisSymbolMap
  {
private:
   SMt5RedisCopyRules m_rules;
   CMt5RedisPairs    m_pairs;
   CMt5RedisPairs    m_allowed;
   CMt5RedisPairs    m_denied;
   CMt5RedisPairs    m_contracts;
   string            m_theirs[];     // names that were looked for
   string            m_ours[];       // empty: this broker has no such symbol

   bool              Exists(const string name_) const;
   string            Stripped(const string symbol_) const;
   string            Sought(const string symbol_,string &how_) const;
   string            Fitting(const string symbol_,const double contract_,string &how_) const;
   bool              Fits(const string name_,const string symbol_,const double contract_) const;
   bool              IsPart(const string name_,const string symbol_) const;
   double            UsualContract(const string symbol_) const;
   void              Say(const string text_) const { Print(MQLInfoString(MQL_PROGRAM_NAME),": ",text_); }

public:
   bool              Read(const SMt5RedisCopyRules &rules_,string &error_);
   void              Start(void);
   string            Of(const string symbol_);
   string            Refusal(const string symbol_) const;
   double            Contract(const string symbol_) const;
  };
//+------------------------------------------------------------------+
//| False: a list can mean nothing; error says which entry.          |
//+------------------------------------------------------------------+
bool CMt5RedisSymbolMap::Read(const SMt5RedisCopyRules &rules_,string &error_)
  {
   m_rules=rules_;
   m_allowed.ReadNames(rules_.allowed_symbols);
   m_denied.ReadNames(rules_.denied_symbols);
   if(!m_pairs.Read(rules_.symbols,"symbols","EURUSD=EURUSD.m: the source's name, =, and this broker's name",error_) ||
      !m_contracts.Read(rules_.contract_sizes,"contract sizes","XAUUSD=100: the source's symbol, =, and its contract size",
                        error_))
      return(false);
   for(int i_=m_contracts.Total()-1; i_>=0; i_--)
      if(StringToDouble(m_contracts.Right(i_))<=0.0)
        {
         error_="contract sizes: "+m_contracts.Left(i_)+" has the size "+m_contracts.Right(i_)+
                ". Write a number above 0";
         return(false);
        }
   return(true);
  }
//+------------------------------------------------------------------+
//| Starts with this account's broker, and prints the names of all   |
//| symbols that the lists name.                                     |
//+------------------------------------------------------------------+
void CMt5RedisSymbolMap::Start(void)
  {
   ArrayResize(m_theirs,0);
   ArrayResize(m_ours,0);
   for(int i_=0; i_<m_pairs.Total(); i_++)
      Of(m_pairs.Left(i_));
   for(int i_=0; i_<m_allowed.Total(); i_++)
      Of(m_allowed.Left(i_));
   if(m_allowed.Total()>0)
      Say("It opens only "+m_rules.allowed_symbols);
   if(m_denied.Total()>0)
      Say("It never opens "+m_rules.denied_symbols);
  }
//+------------------------------------------------------------------+
//| This broker's name of a symbol. If the broker has none, it is the|
//| listed name or the source's, and looked for again next time.     |
//+------------------------------------------------------------------+
string CMt5RedisSymbolMap::Of(const string symbol_)
  {
   int at_=ArraySize(m_theirs)-1;
   while(at_>=0 && m_theirs[at_]!=symbol_)
      at_--;
   if(at_>=0 && m_ours[at_]!="")
      return(m_ours[at_]);
   string how_="";
   string name_=Sought(symbol_,how_);
   if(at_<0)
     {
      at_=ArraySize(m_theirs);
      ArrayResize(m_theirs,at_+1,16);
      ArrayResize(m_ours,at_+1,16);
      m_theirs[at_]=symbol_;
      m_ours[at_]="";
      if(name_=="" && Refusal(symbol_)=="")
         Say(how_);
     }
   int pair_=m_pairs.Find(symbol_);
   if(name_=="")
      return(pair_>=0 ? m_pairs.Right(pair_) : symbol_);
   m_ours[at_]=name_;
   Say("The source's "+symbol_+" is "+name_+" here, "+how_);
   return(name_);
  }
//+------------------------------------------------------------------+
//| Looks for a symbol. Empty: this broker has none; how says what   |
//| to do about it.                                                  |
//+------------------------------------------------------------------+
string CMt5RedisSymbolMap::Sought(const string symbol_,string &how_) const
  {
   int at_=m_pairs.Find(symbol_);
   if(at_>=0)
     {
      how_="as the list of symbols says";
      if(Exists(m_pairs.Right(at_)))
         return(m_pairs.Right(at_));
      how_="The list of symbols says that "+symbol_+" is "+m_pairs.Right(at_)+" here, but this broker has no "+
           m_pairs.Right(at_)+". Correct the pair";
      return("");
     }
   string core_=Stripped(symbol_);
   string name_=m_rules.add_prefix+core_+m_rules.add_suffix;
   how_="by its prefix and suffix";
   if(name_!=symbol_ && Exists(name_))
      return(name_);
   how_="by the same name";
   if(Exists(symbol_))
      return(symbol_);
   how_="This broker has no symbol "+name_+". To copy "+symbol_+", add a pair like "+symbol_+
        "=NAME to the list of symbols, with this broker's name";
   return(m_rules.find_symbols ? Fitting(core_,Contract(symbol_),how_) : "");
  }
//+------------------------------------------------------------------+
bool CMt5RedisSymbolMap::Exists(const string name_) const
  {
   bool custom_=false;
   return(SymbolExist(name_,custom_));
  }
//+------------------------------------------------------------------+
//| A source's name without its prefix and suffix.                   |
//+------------------------------------------------------------------+
string CMt5RedisSymbolMap::Stripped(const string symbol_) const
  {
   string name_=symbol_;
   int    before_=StringLen(m_rules.remove_prefix);
   if(before_>0 && StringFind(name_,m_rules.remove_prefix)==0)
      name_=StringSubstr(name_,before_);
   int left_=StringLen(name_)-StringLen(m_rules.remove_suffix);
   if(left_>0 && StringSubstr(name_,left_)==m_rules.remove_suffix)
      name_=StringSubstr(name_,0,left_);
   return(name_=="" ? symbol_ : name_);
  }
//+------------------------------------------------------------------+
//| The one symbol that has this name with something before or after |
//| it, and fits. Empty: none does, or several do.                   |
//+------------------------------------------------------------------+
string CMt5RedisSymbolMap::Fitting(const string symbol_,const double contract_,string &how_) const
  {
   double size_=(contract_>0.0 ? contract_ : UsualContract(symbol_));
   string names_="";
   string last_="";
   int    count_=0;
   int    total_=SymbolsTotal(false);
   for(int i_=0; i_<total_; i_++)
     {
      string name_=SymbolName(i_,false);
      if(!IsPart(name_,symbol_) || !Fits(name_,symbol_,size_))
         continue;
      last_=name_;
      names_+=(count_==0 ? "" : ", ")+name_;
      count_++;
     }
   if(count_==0)
      return("");
   if(count_>1)
      how_=StringFormat("Several symbols of this broker fit %s: %s. Add the right one to the list of symbols, like %s=%s",
                        symbol_,names_,symbol_,last_);
   else
      if(size_<=0.0)
         how_=StringFormat("%s fits %s, but its contract size at the source is not known. If it is the same symbol, "
                           "add %s=%s to the list of symbols",last_,symbol_,symbol_,last_);
      else
        {
         how_=StringFormat("the only symbol that fits: contract size %s",DoubleToString(size_,0));
         return(last_);
        }
   return("");
  }
//+------------------------------------------------------------------+
//| Whether a name is the symbol's with something before or after it.|
//| US300 is not US30 with something after it.                       |
//+------------------------------------------------------------------+
bool CMt5RedisSymbolMap::IsPart(const string name_,const string symbol_) const
  {
   int at_=StringFind(name_,symbol_);
   int length_=StringLen(symbol_);
   if(at_<0 || name_==symbol_)
      return(false);
   ushort last_=StringGetCharacter(symbol_,length_-1);
   ushort next_=(at_+length_<StringLen(name_) ? StringGetCharacter(name_,at_+length_) : ' ');
   return(last_<'0' || last_>'9' || next_<'0' || next_>'9');
  }
//+------------------------------------------------------------------+
//| Whether a symbol can be traded and has the currencies in the     |
//| source's name, and this contract size; 0: any.                   |
//+------------------------------------------------------------------+
bool CMt5RedisSymbolMap::Fits(const string name_,const string symbol_,const double contract_) const
  {
   bool selected_=(SymbolInfoInteger(name_,SYMBOL_SELECT)!=0);
   if(!selected_ && !SymbolSelect(name_,true))
      return(false);
   double size_=SymbolInfoDouble(name_,SYMBOL_TRADE_CONTRACT_SIZE);
   bool   fits_=(SymbolInfoInteger(name_,SYMBOL_TRADE_MODE)!=SYMBOL_TRADE_MODE_DISABLED &&
                 (contract_<=0.0 || MathAbs(size_-contract_)<contract_/1000000.0));
   if(UsualContract(symbol_)>0.0)
      fits_=(fits_ && SymbolInfoString(name_,SYMBOL_CURRENCY_BASE)+SymbolInfoString(name_,SYMBOL_CURRENCY_PROFIT)==
             StringSubstr(symbol_,0,6));
   if(!selected_)
      SymbolSelect(name_,false);
   return(fits_);
  }
//+------------------------------------------------------------------+
//| The contract size that a pair of currencies, gold and silver have|
//| at nearly every broker; 0: brokers differ, or it is something    |
//| else.                                                            |
//+------------------------------------------------------------------+
double CMt5RedisSymbolMap::UsualContract(const string symbol_) const
  {
   string base_=StringSubstr(symbol_,0,3);
   if(StringLen(symbol_)!=6 || StringFind(MT5R_CURRENCIES,StringSubstr(symbol_,3,3))<0)
      return(0.0);
   if(base_=="XAU")
      return(100.0);
   if(base_=="XAG")
      return(5000.0);
   return(StringFind(MT5R_CURRENCIES,base_)>=0 ? 100000.0 : 0.0);
  }
//+------------------------------------------------------------------+
//| Why a symbol of the source must not be opened; empty: it may be. |
//+------------------------------------------------------------------+
string CMt5RedisSymbolMap::Refusal(const string symbol_) const
  {
   if(m_denied.Find(symbol_)>=0)
      return(symbol_+" is on the list of symbols that are not opened");
   if(symbol_!="" && m_allowed.Total()>0 && m_allowed.Find(symbol_)<0)
      return(symbol_+" is not on the list of symbols that are opened");
   return("");
  }
//+------------------------------------------------------------------+
//| The contract size of a symbol at the source; 0: not listed.      |
//+------------------------------------------------------------------+
double CMt5RedisSymbolMap::Contract(const string symbol_) const
  {
   int at_=m_contracts.Find(symbol_);
   return(at_<0 ? 0.0 : StringToDouble(m_contracts.Right(at_)));
  }
//+------------------------------------------------------------------+
#endif
