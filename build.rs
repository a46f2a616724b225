//! Generates the C header, gives the Windows DLL its version, and keeps the library loaded on Linux.
//!
//! The header goes to `OUT_DIR`. `tests/header.rs` compares it with the committed `include/mt5_redis.h` and, with
//! `UPDATE_HEADER=1`, updates that file.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=cbindgen.toml");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));

    let header = out.join("mt5_redis.h");
    cbindgen::generate(&root).expect("cbindgen reads src/").write_to_file(&header);
    println!("cargo:rustc-env=MT5REDIS_GENERATED_HEADER={}", header.display());

    let target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    match (target("OS").as_str(), target("ENV").as_str()) {
        // Unloading the library while its threads run would crash the host.
        ("linux", _) => println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete"),
        ("windows", "gnu") => {
            let resource = version_resource(&out);
            println!("cargo:rustc-cdylib-link-arg={}", resource.display());
        }
        _ => {}
    }
}

/// Compiles the version that Explorer shows under "Details", so that a trader can see which DLL is installed.
fn version_resource(out: &Path) -> PathBuf {
    let package = |what: &str| env::var(format!("CARGO_PKG_{what}")).expect("set by cargo");
    let numbers = [package("VERSION_MAJOR"), package("VERSION_MINOR"), package("VERSION_PATCH")].join(",");
    // 0x40004 is Windows NT, 2 a DLL; 040904b0 is US English in Unicode, as 0x409 and 1200 are.
    let source = format!(
        r#"1 VERSIONINFO
           FILEVERSION {numbers},0  PRODUCTVERSION {numbers},0  FILEOS 0x40004  FILETYPE 2
           {{
               BLOCK "StringFileInfo" {{ BLOCK "040904b0" {{
                   VALUE "ProductName", "{name}"
                   VALUE "ProductVersion", "{version}"
                   VALUE "FileDescription", "{description}"
                   VALUE "FileVersion", "{version}"
                   VALUE "OriginalFilename", "mt5_redis.dll"
                   VALUE "LegalCopyright", "{license}"
               }} }}
               BLOCK "VarFileInfo" {{ VALUE "Translation", 0x409, 1200 }}
           }}"#,
        name = package("NAME"),
        version = package("VERSION"),
        description = package("DESCRIPTION"),
        license = package("LICENSE"),
    );
    let (script, object) = (out.join("version.rc"), out.join("version.o"));
    fs::write(&script, source).expect("OUT_DIR can be written");
    // MinGW on Windows has it without the prefix.
    let compilers = ["x86_64-w64-mingw32-windres", "windres"];
    let compiled = compilers.iter().any(|windres| {
        Command::new(windres).arg(&script).arg(&object).status().is_ok_and(|status| status.success())
    });
    assert!(compiled, "windres cannot compile {}: install binutils for MinGW-w64", script.display());
    object
}
