//+------------------------------------------------------------------+
//|                                                  Preflight.mq5   |
//+------------------------------------------------------------------+
// Checks whether the programs of mt5-redis can start here, and says how to fix what prevents them. It does not import
// the library: a program whose library is missing or not allowed does not start, so it could not say why.
#property copyright   "mt5-redis contributors, MIT OR Apache-2.0"
#property version     "0.100"
#property description "Checks whether this terminal is ready for mt5-redis, and says what to fix."
#property script_show_inputs

input string InpRedis = "redis://127.0.0.1:6379"; // Redis URL, or a TOML file in MQL5\Files

#define LIBRARY "mt5_redis.dll"

int problems=0;

//+------------------------------------------------------------------+
void OnStart(void)
  {
   Check("not in the strategy tester",MQLInfoInteger(MQL_TESTER)==0,
         "attach it to a chart: the programs of mt5-redis do nothing in the tester");
   Check("64-bit terminal",TerminalInfoInteger(TERMINAL_X64)!=0,
         "install the 64-bit MetaTrader 5: the library is 64-bit only");
   Check("not on MetaQuotes' virtual hosting",TerminalInfoInteger(TERMINAL_VPS)==0,
         "it allows no DLL: use a Windows server or another VPS");
   Check("DLL imports allowed",TerminalInfoInteger(TERMINAL_DLLS_ALLOWED)!=0,
         "tick Tools > Options > Expert Advisors > Allow DLL imports; or tick Allow DLL imports on the "
         "Dependencies tab of each program of mt5-redis when you attach it");
   CheckLibrary();
   CheckConfiguration();
   Check("an account is known",AccountInfoInteger(ACCOUNT_LOGIN)>0,
         "log in with File > Login to Trade Account: records are published under <login>.<server>");

   if(problems==0)
      Alert("Preflight: all is well. Run SmokeTest next.");
   else
      Alert("Preflight: ",problems," problems to fix, see the Experts tab");
  }
//+------------------------------------------------------------------+
void Check(const string what,const bool good,const string advice)
  {
   if(good)
      Print("Preflight: ok       ",what);
   else
     {
      problems++;
      Print("Preflight: TO FIX   ",what,": ",advice);
     }
  }
//+------------------------------------------------------------------+
//| Whether the library is in place. A program sees only files below |
//| MQL5\Files, but PlaySound finds files anywhere below MQL5. It is |
//| asked about a file that exists and one that does not, to see     |
//| whether its answer is reliable here.                             |
//+------------------------------------------------------------------+
void CheckLibrary(void)
  {
   string folder=TerminalInfoString(TERMINAL_DATA_PATH)+"\\MQL5\\Libraries";
   string program=MQLInfoString(MQL_PROGRAM_PATH);
   int    at=StringFind(program,"\\MQL5\\");
   bool   answers=(at>=0 && PlaySound(StringSubstr(program,at+5)) && !PlaySound("\\Libraries\\no-such-file.dll"));
   if(answers)
      Check("library in place",PlaySound("\\Libraries\\"+LIBRARY),
            "copy "+LIBRARY+" into "+folder+" (File > Open Data Folder opens the folder above)");
   else
      Print("Preflight: CHECK    library in place: this terminal does not tell; check that ",LIBRARY," is in ",folder);
   PlaySound(NULL);
  }
//+------------------------------------------------------------------+
void CheckConfiguration(void)
  {
   if(InpRedis=="" || StringFind(InpRedis,":")>=0 || StringFind(InpRedis,"\\\\")==0)
     {
      Print("Preflight: ok       configuration: a URL or a file elsewhere, which SmokeTest will try");
      return;
     }
   Check("configuration file in place",FileIsExist(InpRedis),
         "copy "+InpRedis+" into "+TerminalInfoString(TERMINAL_DATA_PATH)+"\\MQL5\\Files, or pass a Redis URL");
  }
//+------------------------------------------------------------------+
