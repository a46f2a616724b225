//! Loss of power on a real file system: the journal lies in an image, and of the image is taken, in the middle
//! of everything, what the system has written to it. What it had only in memory is gone.
//!
//! The server forgets everything in the same moment. So all that it had must come from the journal again, and
//! what was not on the disk when it was sent would be found missing.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::power::{UNTOLD, conclude, last_accepted, restart_machine};
use super::producer::{Producer, Task};
use super::reader::watermark;
use super::scenario::{Scenario, Setting, short_or_long, tell};
use crate::support::eventually;
use crate::support::server::Server;

const BYTES: u64 = 256 << 20;

/// A mounted image; unmounted when dropped.
struct Disk {
    image: PathBuf,
    folder: PathBuf,
}

impl Disk {
    /// A new file system; none where this user may not mount one.
    fn create(chaos: &Scenario) -> Option<Self> {
        let image = chaos.path("disk.image");
        File::create(&image).expect("a file").set_len(BYTES).expect("a sparse file");
        succeeds(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image)).then_some(())?;
        Self::mount(image, chaos.path("disk"))
    }

    fn mount(image: PathBuf, folder: PathBuf) -> Option<Self> {
        fs::create_dir(&folder).expect("a new folder");
        let mounted = succeeds(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&folder));
        mounted.then_some(Self { image, folder })
    }

    /// What of it is on the disk in this moment, as a disk of its own.
    fn as_written(&self, image: PathBuf) -> PathBuf {
        fs::copy(&self.image, &image).expect("there is room");
        image
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        succeeds(Command::new("umount").arg(&self.folder));
    }
}

fn succeeds(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The terminal's machine and the server lose their power together.
pub fn cut(mut chaos: Scenario) {
    let Some(mut disk) = Disk::create(&chaos) else {
        return tell("chaos power cut, on a disk: not run, since this user cannot mount an image");
    };
    let mut server = Server::start();
    let journal = "sync = \"disk\"\nretain_acked = \"1h\"";
    let setting = Setting { rts: &server.url(), rtss: &server.url(), journal };
    // Everything is kept for the whole run, and has to fit on the disk.
    let mut task = Task { states: false, pause_us: 40_000, ..chaos.task(&setting) };
    let mut unsure = Vec::new();
    for round in 0..short_or_long(3, 8) {
        task.data = disk.folder.join("data");
        let producer = Producer::start(&task);
        // All that the server forgot is there again, and more.
        let before = last_accepted(&chaos.calls());
        eventually("commits go on", || watermark(&mut server.client(), "0") > before);
        thread::park_timeout(Duration::from_millis(chaos.dice.u64(..200)));
        producer.freeze();
        let image = disk.as_written(chaos.path(&format!("disk.{round}.image")));
        // Everything that is in Redis now had been sent, and so had to be on the disk.
        let last = watermark(&mut server.client(), "0");
        producer.kill();
        server.kill();
        drop(disk);
        disk = Disk::mount(image, chaos.path(&format!("disk.{round}"))).expect("a copy can be mounted too");
        restart_machine(&disk.folder.join("data"));
        unsure.push(last + 1..=last_accepted(&chaos.calls()) + UNTOLD);
        server.restart();
        chaos.fault("power cut");
    }
    task.data = disk.folder.join("data");
    Producer::start(&task).finish();
    conclude(chaos, &server, &unsure, 0);
}
