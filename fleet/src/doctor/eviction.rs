//! What a full server evicts. Redis evicts whatever its policy allows: a watermark, from which a bridge knows what was
//! committed; a stream of unread signals; the directive that throttles the fleet.

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
            "does not report its eviction policy: unless it is noeviction, a full server loses signals",
        )
        .cure("check maxmemory-policy in its provider's console");
    };
    let states_only = member.lanes == ["ris"];
    let (light, lost) = match evicted(&member.lanes, policy) {
        None => return Finding::green(address, format!("evicts no data that matters ({policy})")),
        Some(found) => found,
    };
    let finding =
        Finding::new(light, address, format!("has maxmemory-policy {policy}: when full, it evicts {lost}"));
    set(member, finding, "maxmemory-policy", if states_only { "volatile-ttl" } else { "noeviction" })
}

/// What a policy evicts of these lanes' data, and how bad that is.
fn evicted(lanes: &[&str], policy: &str) -> Option<(Light, String)> {
    let any_key = policy.starts_with("allkeys-");
    if policy == "noeviction" || lanes == ["ris"] && policy == "volatile-ttl" {
        return None;
    }
    if lanes == ["ris"] && !any_key {
        return Some((
            Light::Yellow,
            "live instances, which look dead until their next heartbeat".to_owned(),
        ));
    }
    let mut lost = Vec::new();
    for lane in lanes {
        lost.extend(match (*lane, any_key) {
            ("ris", true) => {
                &["the governor's directives", "the operator's halt", "the list of instances"][..]
            }
            ("ris", false) => &["live instances"],
            ("rts", true) => &["open trades", "closed trades"],
            ("rts", false) => &["closed trades"],
            (_, true) => &["streams with unread signals", "the readers' positions", "dead letters"],
            (_, false) => &["streams with unread signals"],
        });
    }
    if lanes != ["ris"] {
        lost.push("watermarks, from which a bridge knows what was committed");
    }
    Some((Light::Red, lost.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lane_has_data_that_no_policy_may_evict() {
        let light = |lanes: &[&str], policy| evicted(lanes, policy).map(|(light, _)| light);
        let all = ["ris", "rts", "rtss"];
        for lanes in [&["ris"][..], &["rts"], &["rtss"], &["ris", "rts"], &all] {
            assert_eq!(light(lanes, "noeviction"), None, "{lanes:?}");
            assert_eq!(light(lanes, "allkeys-lru"), Some(Light::Red), "{lanes:?}");
            let states_only = lanes == ["ris"];
            assert_eq!(light(lanes, "volatile-ttl"), (!states_only).then_some(Light::Red), "{lanes:?}");
            let expected = if states_only { Light::Yellow } else { Light::Red };
            assert_eq!(light(lanes, "volatile-lru"), Some(expected), "{lanes:?}");
        }
        let words = |lanes: &[&str], policy| evicted(lanes, policy).unwrap().1;
        assert!(words(&["ris"], "allkeys-lfu").contains("the governor's directives"));
        assert!(words(&["rts"], "allkeys-lfu").contains("open trades"));
        assert!(!words(&["rts"], "volatile-lfu").contains("open trades"), "they have no time to live");
        assert!(words(&["rtss"], "volatile-lfu").contains("streams with unread signals"));
        assert!(words(&all, "volatile-lfu").contains("watermarks"));
    }
}
