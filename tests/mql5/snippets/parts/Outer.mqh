// It looks for another where the program lies.
#include <parts\Inner.mqh>
