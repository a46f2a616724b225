//! The library in a C program that loads it by name, as any host other than MetaTrader does.

mod support;

use support::terminal::Terminal;

#[test]
fn it_sends_one_of_each() {
    Terminal::native().sends_one_of_each();
}

#[test]
fn it_serves_many_threads() {
    Terminal::native().serves_many_threads();
}

#[test]
fn it_survives_unloading() {
    Terminal::native().survives_unloading();
}

#[test]
fn it_ends_with_threads_running() {
    Terminal::native().ends_with_threads_running();
}

#[test]
fn it_refuses_wrong_calls() {
    Terminal::native().refuses_wrong_calls();
}

#[test]
fn valgrind_finds_nothing_in_one_of_each() {
    Terminal::under_valgrind().sends_one_of_each();
}

#[test]
fn valgrind_finds_nothing_in_many_threads() {
    Terminal::under_valgrind().serves_many_threads();
}

#[test]
fn valgrind_finds_nothing_in_wrong_calls() {
    Terminal::under_valgrind().refuses_wrong_calls();
}
