//! What the servers may do beside their work, under systemd and in containers: nothing. And what the script that
//! starts them takes: only what can be meant.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_yaml_ng::Value;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn unit() -> PathBuf {
    deploy().join("systemd/mt5-redis@.service")
}

/// The settings of the unit's `[Service]`, each with all its values.
fn service() -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(unit()).unwrap();
    let (_, section) = text.split_once("[Service]\n").unwrap();
    let mut settings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in section.lines().take_while(|line| !line.starts_with('[')) {
        if let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            settings.entry(name.to_owned()).or_default().push(value.to_owned());
        }
    }
    settings
}

#[test]
fn a_server_under_systemd_has_its_folder_and_the_network_and_nothing_else() {
    let service = service();
    for (name, values) in [
        ("CapabilityBoundingSet", &[""][..]),
        ("AmbientCapabilities", &[""]),
        ("NoNewPrivileges", &["yes"]),
        ("PrivateUsers", &["yes"]),
        ("PrivateDevices", &["yes"]),
        ("PrivateTmp", &["yes"]),
        ("DevicePolicy", &["closed"]),
        ("ProtectSystem", &["strict"]),
        ("ProtectHome", &["yes"]),
        ("ProtectProc", &["invisible"]),
        ("ProtectClock", &["yes"]),
        ("ProtectHostname", &["yes"]),
        ("ProtectControlGroups", &["yes"]),
        ("ProtectKernelLogs", &["yes"]),
        ("ProtectKernelModules", &["yes"]),
        ("ProtectKernelTunables", &["yes"]),
        ("MemoryDenyWriteExecute", &["yes"]),
        ("LockPersonality", &["yes"]),
        ("RemoveIPC", &["yes"]),
        ("RestrictNamespaces", &["yes"]),
        ("RestrictRealtime", &["yes"]),
        ("RestrictSUIDSGID", &["yes"]),
        ("RestrictAddressFamilies", &["AF_INET AF_INET6 AF_UNIX"]),
        ("SystemCallArchitectures", &["native"]),
        ("SystemCallFilter", &["@system-service", "~@privileged @resources"]),
        ("SystemCallErrorNumber", &["EPERM"]),
        ("StateDirectory", &["mt5-redis"]),
        ("StateDirectoryMode", &["0700"]),
        ("UMask", &["0077"]),
    ] {
        assert_eq!(service.get(name).map(Vec::as_slice).unwrap_or_default(), values, "{name}");
    }
    assert!(
        !service.keys().any(|name| name.starts_with("ReadWrite")),
        "only the state directory is writable"
    );
    // Not every machine that builds has systemd; the exposure is 0 to 100 here, and was 76 without the lines above.
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=yes", "--threshold=20", "--no-pager"]).arg(unit());
    if let Ok(output) = security.output() {
        let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{told}");
    }
}

#[test]
fn a_server_in_a_container_has_its_volume_and_the_network_and_nothing_else() {
    for name in ["single", "sentinel", "cluster"] {
        let text = fs::read_to_string(deploy().join(format!("compose-{name}.yaml"))).unwrap();
        let mut file: Value = serde_yaml_ng::from_str(&text).unwrap();
        file.apply_merge().unwrap();
        for (server, service) in file["services"].as_mapping().unwrap() {
            let list = |key: &str| -> Vec<&str> {
                service[key].as_sequence().into_iter().flatten().flat_map(Value::as_str).collect()
            };
            let server = server.as_str().unwrap();
            assert_eq!(list("cap_drop"), ["ALL"], "{name} {server}");
            assert_eq!(list("security_opt"), ["no-new-privileges:true"], "{name} {server}");
            assert_eq!(service["read_only"], Value::from(true), "{name} {server}");
            assert_eq!(service["user"], Value::from("redis"), "{name} {server}");
            assert_eq!(list("tmpfs"), ["/tmp"], "{name} {server}");
            assert!(service["pids_limit"].as_u64().is_some_and(|limit| limit <= 256), "{name} {server}");
            assert!(list("cap_add").is_empty() && service.get("privileged").is_none(), "{name} {server}");
            assert!(
                list("volumes").iter().all(|mount| mount.ends_with(":ro") || mount.ends_with(":/data")),
                "{name} {server}"
            );
        }
    }
}

/// `node.sh` with a `redis-server` that does nothing: whether it ended well, what it said, and the file it made.
fn script(
    folder: &Path,
    name: &str,
    data: &str,
    lines: &[&str],
    secret: Option<&Path>,
) -> (bool, String, Option<String>) {
    let redis = folder.join("redis-server");
    fs::write(&redis, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&redis, fs::Permissions::from_mode(0o755)).unwrap();
    let mut script = Command::new("sh");
    script.env("PATH", format!("{}:{}", folder.display(), std::env::var("PATH").unwrap()));
    if let Some(secret) = secret {
        script.env("REPLICA_PASSWORD_FILE", secret);
    }
    let data = if data.is_empty() { folder.join(name) } else { folder.join(data) };
    let output = script.arg(deploy().join("node.sh")).arg(name).arg(&data).args(lines).output().unwrap();
    let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.success(), told, fs::read_to_string(data.join("redis.conf")).ok())
}

#[test]
fn the_script_refuses_what_would_be_another_line_of_the_configuration() {
    for (name, data, lines, complaint) in [
        ("ris\nport 1", "x", &[][..], "control character"),
        ("../ris", "x", &[], "no server is called"),
        ("ris", "a\nport 1", &[], "folder"),
        ("ris", "a\u{1b}b", &[], "folder"),
        ("ris", "x", &["bind 127.0.0.1\nenable-debug-command yes"], "LINE"),
        ("ris", "x", &["bind 127.0.0.1\r"], "LINE"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (good, told, file) = script(folder.path(), name, data, lines, None);
        assert!(!good && told.contains(complaint), "{name:?} {data:?} {lines:?}: {told}");
        assert_eq!(file, None, "{name:?} {data:?} {lines:?}");
        assert!(!told.contains('\u{1b}'), "{told:?}");
    }
}

#[test]
fn a_folder_with_blanks_and_quotes_is_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (good, told, file) = script(folder.path(), "ris", "my \"data\" \\ here", &[""], None);
    assert!(good, "{told}");
    let expected = format!("dir \"{}/my \\\"data\\\" \\\\ here\"", folder.path().display());
    assert_eq!(file.unwrap().lines().last(), Some(expected.as_str()));
}

#[test]
fn a_password_file_may_come_from_windows_and_must_hold_a_password() {
    for (bytes, line) in [
        (&b"Pa55 \"word\\\n"[..], Some("masterauth \"Pa55 \\\"word\\\\\"")),
        (b"\xef\xbb\xbfPa55word\r\nmore\r\n", Some("masterauth \"Pa55word\"")),
        (b"", None),
        (b"\r\n", None),
        (b"\xff\xfeP\x00a\x005\x00", None),
        (b"Pa55\x1bword\n", None),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        fs::write(&secret, bytes).unwrap();
        let (good, told, file) = script(folder.path(), "rts-a", "", &[], Some(&secret));
        let found = file.as_ref().and_then(|file| file.lines().find(|found| found.starts_with("masterauth")));
        assert_eq!((good, found), (line.is_some(), line), "{bytes:?}: {told}");
        assert!(good || told.contains("REPLICA_PASSWORD_FILE") && !told.contains("Pa55"), "{told}");
    }
    let folder = tempfile::tempdir().unwrap();
    let (good, told, _) = script(folder.path(), "rts-a", "", &[], Some(&folder.path().join("none")));
    assert!(!good && told.contains("REPLICA_PASSWORD_FILE"), "{told}");
}
