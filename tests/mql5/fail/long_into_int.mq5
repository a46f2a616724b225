// line 4: warning: possible loss of data due to type conversion from 'long' to 'int'
int OnInit()
  {
   int login=AccountInfoInteger(ACCOUNT_LOGIN);
   Print(login);
   return(INIT_SUCCEEDED);
  }
