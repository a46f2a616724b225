// line 4: warning: does not print 'long'
int OnInit()
  {
   PrintFormat("%d",AccountInfoInteger(ACCOUNT_LOGIN));
   return(INIT_SUCCEEDED);
  }
