//! Whether the last snapshot and the last writes of the log succeeded.

use anyhow::Result;

use super::{Finding, Patient};

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for member in patient.members() {
        let address = &member.address;
        let failed = |name: &str| member.text(name) == "err";
        if failed("aof_last_write_status") {
            findings.push(
                Finding::red(address, "cannot write its log: what it acknowledges is in memory only")
                    .cure("is the disk full? df -h, then see its log"),
            );
        }
        if failed("aof_last_bgrewrite_status") {
            findings.push(
                Finding::yellow(address, "could not rewrite its log, which grows now")
                    .cure("see what its log says first: memory or disk was short")
                    .run(member.command(&["BGREWRITEAOF"])),
            );
        }
        if failed("rdb_last_bgsave_status") {
            findings.push(
                Finding::yellow(address, "could not write its last snapshot")
                    .cure("see what its log says first: memory, disk or permissions")
                    .run(member.command(&["BGSAVE"])),
            );
        }
        if member.number("aof_enabled") == 1 && member.number("aof_delayed_fsync") > 0 {
            let times = member.number("aof_delayed_fsync");
            findings.push(
                Finding::yellow(
                    address,
                    format!("waited for the disk {times} times, and all commands with it"),
                )
                .cure("a faster disk, or one for this server alone"),
            );
        }
    }
    if findings.is_empty() && patient.members().any(|member| member.no_info.is_none()) {
        findings.push(Finding::green("", "snapshots and logs were written"));
    }
    Ok(findings)
}
