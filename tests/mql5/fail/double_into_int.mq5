// line 4: warning: possible loss of data due to type conversion from 'double' to 'int'
int OnInit()
  {
   int balance=AccountInfoDouble(ACCOUNT_BALANCE);
   Print(balance);
   return(INIT_SUCCEEDED);
  }
