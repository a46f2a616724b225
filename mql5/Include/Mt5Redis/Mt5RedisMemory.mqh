//+------------------------------------------------------------------+
//|                                             Mt5RedisMemory.mqh   |
//|  What a follower must know after a restart.                      |
//+------------------------------------------------------------------+
// It stores which signals were acted on, one by one, by source, producer and sequence number. Other parts of the follower
// store their records here too. Noted records are written together in one line, so after a crash either all of them are
// there or none. When a line cannot be written, its records are only in the follower, and nothing more is written until
// Rewrite has stored them.
#ifndef MT5_REDIS_MEMORY_MQH
#define MT5_REDIS_MEMORY_MQH
#include "Mt5RedisFile.mqh"

#define MT5R_MEMORY_SIGNALS  4096  // how many signals are remembered
#define MT5R_MEMORY_LINES    8192  // a longer file is written anew
#define MT5R_FIELD           9     // the characters between fields, and between records
#define MT5R_RECORD          30

//+------------------------------------------------------------------+
//| A signal that was acted on.                                      |
//+------------------------------------------------------------------+
struct SMt5RedisDid
  {
   string            source;
   long              producer;
   long              sequence;
   string            how;             // b: an order was about to be sent, n: was refused, e: executed, s: skipped
  };
//+------------------------------------------------------------------+
//| The memory.                                                      |
//+------------------------------------------------------------------+
class CMt5RedisMemory
  {
private:
   CMt5RedisFile     m_file;
   SMt5RedisDid      m_did[];
   int               m_next;          // the oldest entry, which is replaced next
   string            m_noted;         // records that are not written yet
   int               m_lines;
   bool              m_behind;        // the file lacks a record, or its last line may be incomplete

   int               Find(const string source_,const long producer_,const long sequence_) const;
   void              Remember(const string source_,const long producer_,const long sequence_,const string how_);

public:
   string            records[];       // records of other parts of the follower, as found by Open

                     CMt5RedisMemory(void) : m_next(0),m_noted(""),m_lines(0),m_behind(false) { }
   bool              Open(const string name_);
   bool              IsOpen(void) const         { return(m_file.IsOpen()); }
   bool              Damaged(void) const        { return(m_file.Damaged()); }
   void              Close(void);
   string            How(const string source_,const long producer_,const long sequence_) const;
   void              Did(const string source_,const long producer_,const long sequence_,const string how_);
   void              Note(const string record_);
   bool              Save(void);
   bool              IsLong(void) const         { return(m_lines>MT5R_MEMORY_LINES); }
   bool              NeedsRewrite(void) const   { return(m_behind || IsLong()); }
   bool              Rewrite(const string &others_[],const int count_);
  };
//+------------------------------------------------------------------+
//| Opens it; call Rewrite then. False: another program has it open, |
//| or the disk fails.                                               |
//+------------------------------------------------------------------+
bool CMt5RedisMemory::Open(const string name_)
  {
   Close();
   if(!m_file.Open(name_))
      return(false);
   m_behind=true;
   m_lines=ArraySize(m_file.lines);
   int count_=0;
   for(int i_=0; i_<m_lines; i_++)
     {
      string parts_[];
      int    found_=StringSplit(m_file.lines[i_],MT5R_RECORD,parts_);
      for(int k_=0; k_<found_; k_++)
        {
         string fields_[];
         if(StringSplit(parts_[k_],MT5R_FIELD,fields_)==5 && fields_[0]=="did")
           {
            Remember(fields_[1],StringToInteger(fields_[2]),StringToInteger(fields_[3]),fields_[4]);
            continue;
           }
         ArrayResize(records,count_+1,256);
         records[count_]=parts_[k_];
         count_++;
        }
     }
   ArrayFree(m_file.lines);
   return(true);
  }
//+------------------------------------------------------------------+
void CMt5RedisMemory::Close(void)
  {
   m_file.Close();
   ArrayFree(records);
   ArrayFree(m_did);
   m_next=0;
   m_noted="";
   m_lines=0;
   m_behind=false;
  }
//+------------------------------------------------------------------+
int CMt5RedisMemory::Find(const string source_,const long producer_,const long sequence_) const
  {
   for(int i_=ArraySize(m_did)-1; i_>=0; i_--)
      if(m_did[i_].sequence==sequence_ && m_did[i_].producer==producer_ && m_did[i_].source==source_)
         return(i_);
   return(-1);
  }
//+------------------------------------------------------------------+
void CMt5RedisMemory::Remember(const string source_,const long producer_,const long sequence_,const string how_)
  {
   int at_=Find(source_,producer_,sequence_);
   if(at_<0)
     {
      at_=ArraySize(m_did);
      if(at_<MT5R_MEMORY_SIGNALS)
         ArrayResize(m_did,at_+1,256);
      else
        {
         at_=m_next;
         m_next=(m_next+1)%MT5R_MEMORY_SIGNALS;
        }
     }
   m_did[at_].source=source_;
   m_did[at_].producer=producer_;
   m_did[at_].sequence=sequence_;
   m_did[at_].how=how_;
  }
//+------------------------------------------------------------------+
//| What was done with a signal; empty: nothing yet.                 |
//+------------------------------------------------------------------+
string CMt5RedisMemory::How(const string source_,const long producer_,const long sequence_) const
  {
   int at_=Find(source_,producer_,sequence_);
   return(at_<0 ? "" : m_did[at_].how);
  }
//+------------------------------------------------------------------+
//| Notes what is done with a signal.                                |
//+------------------------------------------------------------------+
void CMt5RedisMemory::Did(const string source_,const long producer_,const long sequence_,const string how_)
  {
   Remember(source_,producer_,sequence_,how_);
   Note(StringFormat("did\t%s\t%I64d\t%I64d\t%s",source_,producer_,sequence_,how_));
  }
//+------------------------------------------------------------------+
//| Notes a record: fields separated by tabs, of which the first     |
//| says whose it is.                                                |
//+------------------------------------------------------------------+
void CMt5RedisMemory::Note(const string record_)
  {
   if(m_noted!="")
      m_noted+=ShortToString(MT5R_RECORD);
   m_noted+=record_;
  }
//+------------------------------------------------------------------+
//| Writes what was noted. False: it is not on the disk until a      |
//| Rewrite succeeds.                                                |
//+------------------------------------------------------------------+
bool CMt5RedisMemory::Save(void)
  {
   if(m_noted!="" && !m_behind)
     {
      m_behind=!m_file.Append(m_noted);
      m_lines++;
     }
   m_noted="";
   return(!m_behind);
  }
//+------------------------------------------------------------------+
//| Rewrites the file: the signals, and these records of others.     |
//+------------------------------------------------------------------+
bool CMt5RedisMemory::Rewrite(const string &others_[],const int count_)
  {
   string lines_[];
   int    signals_=ArraySize(m_did);
   ArrayResize(lines_,signals_+count_);
   for(int i_=0; i_<signals_; i_++)
     {
      //--- the oldest first
      int at_=(m_next+i_)%signals_;
      lines_[i_]=StringFormat("did\t%s\t%I64d\t%I64d\t%s",m_did[at_].source,m_did[at_].producer,m_did[at_].sequence,
                              m_did[at_].how);
     }
   for(int i_=0; i_<count_; i_++)
      lines_[signals_+i_]=others_[i_];
   if(!m_file.Rewrite(lines_,ArraySize(lines_)))
      return(false);
   m_noted="";
   m_behind=false;
   m_lines=ArraySize(lines_);
   return(true);
  }
//+------------------------------------------------------------------+
#endif
