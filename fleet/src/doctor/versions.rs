//! The servers' versions: recent enough, and all the same.

use std::collections::BTreeSet;

use anyhow::Result;

use super::{Finding, Patient};

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut versions = BTreeSet::new();
    for member in patient.members() {
        let version = member.text("redis_version");
        if version.is_empty() {
            findings.push(Finding::yellow(
                &member.address,
                "does not report its version: it must be 6.2 or later",
            ));
            continue;
        }
        findings
            .extend(judge(&version).map(|finding| Finding { server: member.address.to_string(), ..finding }));
        versions.insert(version);
    }
    let all = versions.iter().cloned().collect::<Vec<_>>().join(", ");
    findings.push(match versions.len() {
        0 => return Ok(findings),
        1 => Finding::green("", format!("every server is {all}")),
        _ => Finding::yellow("", format!("the servers have different versions: {all}"))
            .cure("a replica must not be older than its master: upgrade all to the newest"),
    });
    Ok(findings)
}

fn judge(version: &str) -> Option<Finding> {
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    match version {
        older if older < (6, 2) => Some(
            Finding::red("", "is older than 6.2 and cannot trim streams by time")
                .cure("install 7.0 or later"),
        ),
        older if older < (7, 0) => Some(
            Finding::yellow(
                "",
                "is older than 7.0: no listpacks, no separate read and write ACL patterns, no lag of groups",
            )
            .cure("install 7.0 or later"),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Light;

    #[test]
    fn older_versions_are_judged_by_what_they_lack() {
        let light = |version| judge(version).map(|finding| finding.light);
        assert_eq!(light("6.0.16"), Some(Light::Red));
        assert_eq!(light("6.2.14"), Some(Light::Yellow));
        assert_eq!([light("7.0.15"), light("8.2.1")], [None, None]);
    }
}
