//! How far away each server is.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::site::allowed;
use super::{Finding, Patient};

const ROUNDS: usize = 9;
/// A bridge waits one round trip for each batch.
const FAR: Duration = Duration::from_millis(20);

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for member in patient.members() {
        if let Some(why) = &member.no_info {
            let text =
                format!("refuses INFO ({why}): version, role, memory and persistence were not checked");
            findings.push(Finding::yellow(&member.address, text).cure("grant this user +info"));
        }
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            // A refusal takes as long as an answer.
            allowed(member.ask::<()>(&["PING"]))?;
            times.push(start.elapsed());
        }
        times.sort();
        let median = times[ROUNDS / 2];
        let text = format!("answers in {:.2} ms", median.as_secs_f64() * 1000.0);
        findings.push(if median < FAR {
            Finding::green(&member.address, text)
        } else {
            Finding::yellow(&member.address, format!("{text}: readers see everything that much later"))
                .cure("move terminals and Redis closer together")
        });
    }
    Ok(findings)
}
