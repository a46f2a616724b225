// How the trade server handles requests of programs, and the transactions that report it.
#pragma once
#include "terminal.h"

namespace terminal {

bool buys(int order_type);
std::string word_of(int retcode);         // "requote" for TRADE_RETCODE_REQUOTE
int retcode_of(const std::string &word);  // throws for an unknown word

// The code with which the server's rules refuse a request; 0 if they accept it.
int refusal(const api::MqlTradeRequest &request);
// The open position with this ticket; without a ticket, on a netting account, that of the request's symbol.
const books::Position *position_of(const api::MqlTradeRequest &request, unsigned long long ticket);
double margin_for(const api::MqlTradeRequest &request);

// Handles a request as the scenario specifies, and queues the transactions.
api::MqlTradeResult dealt_with(const api::MqlTradeRequest &request);
// Executes requests that were answered before they were executed.
void carry_out_late();
// Repeats here, once, what programs did up to this line before the terminal was killed, or in another terminal.
void repeat_requests(int line);

// The transactions of market deals.
std::vector<Event> events_of(const std::vector<books::Deal> &deals);
// Queues them for all programs, in the scenario's order.
void tell(std::vector<Event> events);
// Waits until all programs are idle.
void settle();

}
