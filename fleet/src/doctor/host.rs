//! The settings of this machine, if a server runs on it: huge pages, overcommit, backlog and memory.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::{Finding, Member, Patient};

pub(super) fn check(patient: &mut Patient) -> Result<Vec<Finding>> {
    let root = patient.root.clone();
    let local: Vec<&mut Member> = patient.members().filter(|member| member.is_local()).collect();
    if local.is_empty() || !cfg!(target_os = "linux") {
        return Ok(Vec::new());
    }
    let findings = [huge_pages(&root), overcommit(&root), backlog(&root, &local), memory(&root, &local)];
    Ok(findings.into_iter().flatten().collect())
}

fn read(root: &Path, path: &str) -> Option<String> {
    Some(fs::read_to_string(root.join(path)).ok()?.trim().to_owned())
}

fn huge_pages(root: &Path) -> Option<Finding> {
    let text = read(root, "sys/kernel/mm/transparent_hugepage/enabled")?;
    Some(if text.contains("[always]") {
        Finding::yellow(
            "",
            "transparent huge pages are always on: during a snapshot each written byte copies 2 MiB",
        )
        .run("echo madvise > /sys/kernel/mm/transparent_hugepage/enabled")
        .cure("a file in deploy/systemd does this at every boot")
    } else {
        Finding::green("", "transparent huge pages are off by default")
    })
}

fn overcommit(root: &Path) -> Option<Finding> {
    let text = read(root, "proc/sys/vm/overcommit_memory")?;
    Some(if text == "1" {
        Finding::green("", "memory overcommit is on: the append-only file can be rewritten on a full machine")
    } else {
        Finding::yellow(
            "",
            format!(
                "vm.overcommit_memory is {text}: rewriting the append-only file may fail once half of the memory is used"
            ),
        )
        .run("sysctl vm.overcommit_memory=1")
        .cure("a file in deploy/systemd does this at every boot")
    })
}

fn backlog(root: &Path, members: &[&mut Member]) -> Option<Finding> {
    let most: u64 = read(root, "proc/sys/net/core/somaxconn")?.parse().ok()?;
    let wanted =
        members.iter().filter_map(|member| member.settings.get("tcp-backlog")?.parse().ok()).max()?;
    Some(if most < wanted {
        Finding::yellow(
            "",
            format!("net.core.somaxconn is {most}: a fleet that reconnects all at once needs {wanted}"),
        )
        .run(format!("sysctl net.core.somaxconn={wanted}"))
        .cure("a file in deploy/systemd does this at every boot")
    } else {
        Finding::green("", format!("up to {most} connections can wait to be accepted"))
    })
}

/// Whether the servers' limits fit into memory together, with room for a rewrite of the largest.
fn memory(root: &Path, members: &[&mut Member]) -> Option<Finding> {
    let text = read(root, "proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let total = line.split_whitespace().next()?.parse::<u64>().ok()? << 10;
    let limits: Vec<u64> = members.iter().map(|member| member.number("maxmemory")).collect();
    let needed = limits.iter().sum::<u64>() + limits.iter().max()? / 2;
    let [needed_mb, total_mb] = [needed, total].map(|bytes| bytes >> 20);
    Some(if needed > total {
        Finding::yellow(
            "",
            format!("the servers here may use {needed_mb} MiB during a rewrite, the machine has {total_mb}"),
        )
        .cure("lower maxmemory, or move a lane to a machine of its own")
    } else {
        Finding::green("", format!("the servers here may use {needed_mb} of {total_mb} MiB"))
    })
}
