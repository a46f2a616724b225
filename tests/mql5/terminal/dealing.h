// The trade server's dealing with the requests of programs, and the transactions that tell of what it did.
#pragma once
#include "terminal.h"

namespace terminal {

bool buys(int order_type);
std::string word_of(int retcode);         // "requote" for TRADE_RETCODE_REQUOTE
int retcode_of(const std::string &word);  // throws for a word that is none

// Why the server's rules refuse the request; 0 when they do not.
int refusal(const api::MqlTradeRequest &request);
// The open position with that ticket; without one, on a netting account, that of the request's symbol.
const books::Position *position_of(const api::MqlTradeRequest &request, unsigned long long ticket);
double margin_for(const api::MqlTradeRequest &request);

// Deals with a request as the scenario wants it, and queues the transactions.
api::MqlTradeResult dealt_with(const api::MqlTradeRequest &request);
// Carries out what was answered before it was done.
void carry_out_late();
// What programs had carried out up to this line of the scenario, before the terminal was killed or in another one, is
// done here too, once.
void repeat_requests(int line);

// The transactions of market deals.
std::vector<Event> events_of(const std::vector<books::Deal> &deals);
// Puts them into the queues of all programs, in the order that the scenario wants.
void tell(std::vector<Event> events);
// Until no program has anything to do.
void settle();

}
