//! What a full server drops. Redis takes what it may, and asks nobody: a watermark, by which a bridge knows what has
//! arrived; a stream with signals that nobody has read; the directive that slows a fleet down.

use anyhow::Result;

use super::settings::set;
use super::{Finding, Light, Member, Patient};

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    Ok(patient.members().map(|member| judge(member)).collect())
}

fn judge(member: &Member) -> Finding {
    let address = &member.address;
    let Some(policy) = member.settings.get("maxmemory-policy") else {
        return Finding::yellow(
            address,
            "does not tell what it evicts when it is full: if it is not noeviction, signals get lost",
        )
        .cure("look for maxmemory-policy in its provider's console");
    };
    let states_only = member.lanes == ["ris"];
    let (light, dropped) = match dropped(&member.lanes, policy) {
        None => return Finding::green(address, format!("evicts nothing that matters ({policy})")),
        Some(found) => found,
    };
    let finding = Finding::new(light, address, format!("is at {policy}: full, it evicts {dropped}"));
    set(member, finding, "maxmemory-policy", if states_only { "volatile-ttl" } else { "noeviction" })
}

/// What a policy drops of what these lanes keep, and how bad that is.
fn dropped(lanes: &[&str], policy: &str) -> Option<(Light, String)> {
    let whatever = policy.starts_with("allkeys-");
    if policy == "noeviction" || lanes == ["ris"] && policy == "volatile-ttl" {
        return None;
    }
    if lanes == ["ris"] && !whatever {
        return Some((
            Light::Yellow,
            "instances that live, and they look dead until they beat again".to_owned(),
        ));
    }
    let mut dropped = Vec::new();
    for lane in lanes {
        dropped.extend(match (*lane, whatever) {
            ("ris", true) => {
                &["the governor's directives", "the operator's halt", "the list of instances"][..]
            }
            ("ris", false) => &["instances that live"],
            ("rts", true) => &["open trades", "closed trades"],
            ("rts", false) => &["closed trades"],
            (_, true) => &["streams with unread signals", "how far each reader is", "dead letters"],
            (_, false) => &["streams with unread signals"],
        });
    }
    if lanes != ["ris"] {
        dropped.push("watermarks, by which a bridge knows what has arrived");
    }
    Some((Light::Red, dropped.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lane_has_what_no_policy_may_drop() {
        let light = |lanes: &[&str], policy| dropped(lanes, policy).map(|(light, _)| light);
        let all = ["ris", "rts", "rtss"];
        for lanes in [&["ris"][..], &["rts"], &["rtss"], &["ris", "rts"], &all] {
            assert_eq!(light(lanes, "noeviction"), None, "{lanes:?}");
            assert_eq!(light(lanes, "allkeys-lru"), Some(Light::Red), "{lanes:?}");
            let states_only = lanes == ["ris"];
            assert_eq!(light(lanes, "volatile-ttl"), (!states_only).then_some(Light::Red), "{lanes:?}");
            let expected = if states_only { Light::Yellow } else { Light::Red };
            assert_eq!(light(lanes, "volatile-lru"), Some(expected), "{lanes:?}");
        }
        let words = |lanes: &[&str], policy| dropped(lanes, policy).unwrap().1;
        assert!(words(&["ris"], "allkeys-lfu").contains("the governor's directives"));
        assert!(words(&["rts"], "allkeys-lfu").contains("open trades"));
        assert!(!words(&["rts"], "volatile-lfu").contains("open trades"), "they have no time to live");
        assert!(words(&["rtss"], "volatile-lfu").contains("streams with unread signals"));
        assert!(words(&all, "volatile-lfu").contains("watermarks"));
    }
}
