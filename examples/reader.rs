//! Prints signals, one on each line, and acknowledges each after printing it:
//! `cargo run --example reader redis://127.0.0.1:6392 5` ends after five.

use std::sync::Arc;
use std::time::Duration;

use mt5_redis::config::Config;
use mt5_redis::inbox::{Item, Start};
use mt5_redis_worker::{Worker, WorkerOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let config = Config::read(&arguments.next().unwrap_or_default(), "")?;
    let mut left: u64 = arguments.next().map_or(Ok(u64::MAX), |count| count.parse())?;
    let options = WorkerOptions {
        group: "example-rust".into(),
        consumer: "reader".into(),
        start: Start::Resume,
        prefetch: 64,
        take_over: None,
        delete: false,
    };
    let reader = Worker::start(&config, options, Arc::new(|line| eprintln!("{line}")))?;
    while left > 0 {
        match reader.next(Duration::from_secs(1)) {
            Some(Item::Signal(delivery)) => {
                println!("{}", delivery.signal);
                reader.acknowledge(delivery.place);
                left -= 1;
            }
            Some(Item::Unreadable(place, reason)) => {
                eprintln!("{}: {reason}", place.entry());
                reader.acknowledge(place);
            }
            Some(Item::Gap(gap)) => eprintln!("{gap}"),
            None => {}
        }
    }
    reader.stop();
    Ok(())
}
