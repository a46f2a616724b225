//! Whether the last snapshot and the last writes of the log succeeded.

use anyhow::Result;

use super::{Finding, Patient};

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for member in patient.members() {
        let address = &member.address;
        if member.no_info.is_some() {
            let text =
                "does not report whether it writes its snapshots and append-only files: that was not checked";
            findings.push(Finding::yellow(address, text).cure("check it in its provider's console"));
            continue;
        }
        let failed = |name: &str| member.text(name) == "err";
        if failed("aof_last_write_status") {
            findings.push(
                Finding::red(
                    address,
                    "cannot write its append-only file: acknowledged writes are in memory only",
                )
                .cure("check the disk (df -h) and the server's log"),
            );
        }
        if failed("aof_last_bgrewrite_status") {
            findings.push(
                Finding::yellow(address, "could not rewrite its append-only file, which keeps growing")
                    .cure("read the server's log first: memory or disk was short")
                    .run(member.command(&["BGREWRITEAOF"])),
            );
        }
        if failed("rdb_last_bgsave_status") {
            findings.push(
                Finding::yellow(address, "could not write its last snapshot")
                    .cure("read the server's log first: memory, disk or permissions")
                    .run(member.command(&["BGSAVE"])),
            );
        }
        if member.number("aof_enabled") == 1 && member.number("aof_delayed_fsync") > 0 {
            let times = member.number("aof_delayed_fsync");
            findings.push(
                Finding::yellow(
                    address,
                    format!("blocked all commands {times} times while it waited for the disk"),
                )
                .cure("use a faster disk, or one for this server alone"),
            );
        }
    }
    if findings.is_empty() && patient.members().any(|member| member.no_info.is_none()) {
        findings.push(Finding::green("", "snapshots and append-only files are written"));
    }
    Ok(findings)
}
