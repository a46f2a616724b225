//! Embeds the page of `mt5fleet web`, if `make web` has built it. Node.js is not needed otherwise.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/dist");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut names: Vec<String> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    let mut files = String::new();
    for name in names.iter().filter(|name| names.contains(&format!("{name}.gz"))) {
        let path = folder.join(name);
        let mut sum = DefaultHasher::new();
        fs::read(&path).expect("a file of the page").hash(&mut sum);
        files += &format!(
            "File {{ name: {name:?}, packed: include_bytes!({:?}), plain: include_bytes!({:?}), tag: \"{:016x}\" }},\n",
            folder.join(format!("{name}.gz")),
            path,
            sum.finish(),
        );
    }
    if files.is_empty() {
        println!(
            "cargo::warning=mt5fleet web will have its API but no page: make web builds it, with Node.js and npm"
        );
    }
    let out = std::env::var_os("OUT_DIR").expect("cargo sets it");
    let text = format!("const FILES: &[File] = &[{files}];");
    fs::write(Path::new(&out).join("page.rs"), text).expect("the page's list is written");
}
