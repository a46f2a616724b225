// The page in a real browser: what it shows is what Redis has, what it does reaches terminals, and what strangers write
// into Redis does nothing in it. The tests run in this order, in one world; later ones see what earlier ones wrote.

import "./fleet";
import "./orders";
import "./records";
import "./whole";
