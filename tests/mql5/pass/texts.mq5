int OnInit()
  {
   string text="a\tb \"c\" \\ d";
   text+="long "
         "text";
   string unset=NULL;
   if(unset==NULL || text!="" || text<"b")
      Print(StringLen(text),StringSubstr(text,1),StringFind(text,"b"));
   string upper=(StringLen(text)>3 ? "yes" : "no")+"!";
   StringSetCharacter(upper,0,'Y');
   Print(upper,StringGetCharacter(upper,0)=='Y',IntegerToString(5,3,'0'),(string)7);
   return(INIT_SUCCEEDED);
  }
