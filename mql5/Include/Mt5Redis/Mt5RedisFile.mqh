//+------------------------------------------------------------------+
//|                                               Mt5RedisFile.mqh   |
//|  Lines in a file below MQL5\Files that survive a crash.          |
//+------------------------------------------------------------------+
// Each line has a checksum and is on the disk when Append returns true. After Open, and after an Append that failed, the
// last line may be incomplete: call Rewrite before the next Append. Open drops an incomplete last line. It drops a damaged
// line elsewhere too, and Damaged reports it. While the file is open no other program can open it.
#ifndef MT5_REDIS_FILE_MQH
#define MT5_REDIS_FILE_MQH
#include "Mt5RedisMark.mqh"

//+------------------------------------------------------------------+
//| The file.                                                        |
//+------------------------------------------------------------------+
class CMt5RedisFile
  {
private:
   string            m_name;
   int               m_file;
   bool              m_damaged;
   CMt5RedisMark     m_mark;

   string            Signed(const string text_) const;
   bool              Write(const int file_,const string text_) const;
   int               ReadAll(const int file_,string &lines_[]);
   bool              Finished(const string name_);

public:
   string            lines[];        // the lines that Open read

                     CMt5RedisFile(void) : m_name(""),m_file(INVALID_HANDLE),m_damaged(false) { }
                    ~CMt5RedisFile(void) { Close(); }
   bool              Open(const string name_);
   bool              IsOpen(void) const   { return(m_file!=INVALID_HANDLE); }
   bool              Damaged(void) const  { return(m_damaged); }
   bool              Append(const string text_);
   bool              Rewrite(const string &texts_[],const int count_);
   void              Close(void);
  };
//+------------------------------------------------------------------+
//| Opens it and reads its lines. False: another program has it      |
//| open, or the disk fails.                                         |
//+------------------------------------------------------------------+
bool CMt5RedisFile::Open(const string name_)
  {
   Close();
   m_name=name_;
   m_damaged=false;
   ArrayResize(lines,0);
   //--- the terminal crashed while the file was replaced
   if(FileIsExist(name_+".new") && Finished(name_+".new"))
      FileMove(name_+".new",0,name_,FILE_REWRITE);
   m_file=FileOpen(name_,FILE_READ|FILE_WRITE|FILE_BIN);
   if(m_file==INVALID_HANDLE)
      return(false);
   m_damaged=(ReadAll(m_file,lines)>0);
   return(true);
  }
//+------------------------------------------------------------------+
void CMt5RedisFile::Close(void)
  {
   if(m_file!=INVALID_HANDLE)
      FileClose(m_file);
   m_file=INVALID_HANDLE;
  }
//+------------------------------------------------------------------+
string CMt5RedisFile::Signed(const string text_) const
  {
   return(StringFormat("%016I64x ",m_mark.Sum(text_))+text_+"\n");
  }
//+------------------------------------------------------------------+
//| Appends a line. False: it is not on the disk.                    |
//+------------------------------------------------------------------+
bool CMt5RedisFile::Append(const string text_)
  {
   return(Write(m_file,Signed(text_)));
  }
//+------------------------------------------------------------------+
bool CMt5RedisFile::Write(const int file_,const string text_) const
  {
   uchar bytes_[];
   int   count_=StringToCharArray(text_,bytes_,0,-1,CP_UTF8)-1; // without the zero at its end
   ResetLastError();
   if(!FileSeek(file_,0,SEEK_END) || FileWriteArray(file_,bytes_,0,count_)!=(uint)count_)
      return(false);
   FileFlush(file_);
   return(GetLastError()==0);
  }
//+------------------------------------------------------------------+
//| Reads the good lines; returns the number of bad ones before the  |
//| last.                                                            |
//+------------------------------------------------------------------+
int CMt5RedisFile::ReadAll(const int file_,string &lines_[])
  {
   uchar bytes_[];
   string parts_[];
   int    bad_=0;
   int    found_=0;
   int    size_=(int)FileSize(file_);
   ArrayResize(lines_,0);
   if(size_==0 || (int)FileReadArray(file_,bytes_,0,size_)!=size_)
      return(size_==0 ? 0 : 1);
   int count_=StringSplit(CharArrayToString(bytes_,0,size_,CP_UTF8),'\n',parts_);
   for(int i_=0; i_<count_; i_++)
     {
      string text_=StringSubstr(parts_[i_],17);
      if(parts_[i_]=="" || parts_[i_]+"\n"!=Signed(text_))
        {
         if(parts_[i_]!="" && i_<count_-1)
            bad_++;
         continue;
        }
      ArrayResize(lines_,found_+1,256);
      lines_[found_]=text_;
      found_++;
     }
   return(bad_);
  }
//+------------------------------------------------------------------+
//| Whether a replacement was written completely.                    |
//+------------------------------------------------------------------+
bool CMt5RedisFile::Finished(const string name_)
  {
   int file_=FileOpen(name_,FILE_READ|FILE_BIN);
   if(file_==INVALID_HANDLE)
      return(false);
   string lines_[];
   int    bad_=ReadAll(file_,lines_);
   int    count_=ArraySize(lines_);
   FileClose(file_);
   return(bad_==0 && count_>0 && lines_[count_-1]=="end");
  }
//+------------------------------------------------------------------+
//| Replaces the file by these lines. False: it is unchanged.        |
//+------------------------------------------------------------------+
bool CMt5RedisFile::Rewrite(const string &texts_[],const int count_)
  {
   string text_="";
   for(int i_=0; i_<count_; i_++)
      text_+=Signed(texts_[i_]);
   int file_=FileOpen(m_name+".new",FILE_WRITE|FILE_BIN);
   if(file_==INVALID_HANDLE)
      return(false);
   bool written_=Write(file_,text_+Signed("end"));
   FileClose(file_);
   if(!written_)
      return(false);
   Close();
   bool moved_=FileMove(m_name+".new",0,m_name,FILE_REWRITE);
   m_file=FileOpen(m_name,FILE_READ|FILE_WRITE|FILE_BIN);
   return(moved_ && m_file!=INVALID_HANDLE);
  }
//+------------------------------------------------------------------+
#endif
