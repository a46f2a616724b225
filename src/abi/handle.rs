//! The table of open handles. A handle is a number with a generation and never a pointer, so a closed or invented one is
//! recognised.
//!
//! Each handle has a slot, and a slot counts the calls inside. A call that waits, for a slow disk for example, does not
//! keep other threads from opening, calling or closing. Closing does not wait for the calls inside; the last call to
//! leave frees the session.

use std::ops::Deref;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};

use parking_lot::Mutex;

use crate::codes::*;
use crate::error::{Error, Result};
use crate::session::Session;

/// The low 16 bits of a handle are its slot, the bits above its generation. Slot 0 is never used.
const SLOT_BITS: u32 = 16;
const SLOTS: usize = (1 << SLOT_BITS) - 1;
/// The number of slots that are allocated at a time. They are never freed.
const PAGE: usize = 64;

/// A slot's word: the upper half is the generation, this bit refuses new calls, and the bits below count the calls inside.
const CLOSED: u64 = 1 << 31;
const CALLS: u64 = CLOSED - 1;
const GENERATION: u32 = 32;

// Each has its own cache line, so that the threads of two Expert Advisors do not contend.
#[repr(align(64))]
struct Slot {
    word: AtomicU64,
    /// From a `Box`; never null while a call may enter.
    session: AtomicPtr<Session>,
    at: usize,
}

const _: () = {
    // Calls on any thread use a session, and the last one drops it on its thread.
    const fn shared_and_sent<T: Send + Sync>() {}
    shared_and_sent::<Session>();
};

/// Free slots: those that were used before, and the first that never was.
struct Free {
    again: Vec<usize>,
    unused: usize,
}

static PAGES: [AtomicPtr<[Slot; PAGE]>; (SLOTS + 1) / PAGE] =
    [const { AtomicPtr::new(ptr::null_mut()) }; (SLOTS + 1) / PAGE];
static FREE: Mutex<Free> = Mutex::new(Free { again: Vec::new(), unused: 1 });

/// A call inside a session. It keeps the session alive.
pub(super) struct Call {
    session: *const Session,
    slot: &'static Slot,
}

impl Deref for Call {
    type Target = Session;

    #[inline]
    fn deref(&self) -> &Session {
        // SAFETY: the session of a slot is freed when the last call has left.
        unsafe { &*self.session }
    }
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        let before = self.slot.word.fetch_sub(1, Ordering::Release);
        if before & (CLOSED | CALLS) == CLOSED | 1 {
            self.slot.clear();
        }
    }
}

/// Opens a session and gives it a handle.
pub(super) fn insert(open: impl FnOnce() -> Result<Session>) -> Result<i64> {
    let session = Box::new(open()?);
    let Some(slot) = FREE.lock().take() else {
        // The session has accepted nothing yet, so there is nothing to wait for.
        let _ = session.close(std::time::Duration::ZERO);
        return Err(Error::new(
            MT5REDIS_ERR_TOO_MANY_HANDLES,
            format!(
                "all {SLOTS} handles of this process are in use: close handles that are no longer needed"
            ),
        ));
    };
    slot.session.store(Box::into_raw(session), Ordering::Relaxed);
    let generation = (slot.word.load(Ordering::Relaxed) >> GENERATION) + 1;
    slot.word.store(generation << GENERATION, Ordering::Release);
    Ok((generation << SLOT_BITS) as i64 | slot.at as i64)
}

/// Runs `call` with the handle's session and returns its sequence number.
pub(super) fn with(handle: i64, call: impl FnOnce(&Session) -> Result<u64>) -> Result<i64> {
    let session = enter(handle)?;
    call(&session).map(|sequence| sequence as i64)
}

/// Enters the handle's session.
pub(super) fn enter(handle: i64) -> Result<Call> {
    step_in(handle, 0)
}

/// Enters the handle's session as its last call: the handle is closed from now on.
pub(super) fn close(handle: i64) -> Result<Call> {
    step_in(handle, CLOSED)
}

#[inline(always)]
fn step_in(handle: i64, closed: u64) -> Result<Call> {
    let (at, generation) = ((handle & SLOTS as i64) as usize, (handle >> SLOT_BITS) as u64);
    let Some(slot) = slot(at) else { return Err(refused(handle, 0)) };
    let mut word = slot.word.load(Ordering::Relaxed);
    while word >> GENERATION == generation && word & CLOSED == 0 {
        match slot.word.compare_exchange_weak(word, (word + 1) | closed, Ordering::Acquire, Ordering::Relaxed)
        {
            Ok(_) => return Ok(Call { session: slot.session.load(Ordering::Relaxed), slot }),
            Err(now) => word = now,
        }
    }
    Err(refused(handle, word >> GENERATION))
}

#[inline(always)]
fn slot(at: usize) -> Option<&'static Slot> {
    // SAFETY: a stored page is complete and is never freed.
    let page = unsafe { PAGES[at / PAGE].load(Ordering::Acquire).as_ref() };
    page.map(|page| &page[at % PAGE])
}

/// The error for a handle that is not open; `generation` is the latest of its slot.
#[cold]
fn refused(handle: i64, generation: u64) -> Error {
    if (1..=generation as i64).contains(&(handle >> SLOT_BITS)) {
        Error::new(
            MT5REDIS_ERR_CLOSED,
            format!("handle {handle} is closed: call mt5redis_open for a new one"),
        )
    } else {
        Error::new(
            MT5REDIS_ERR_HANDLE,
            format!("handle {handle} does not exist: pass a handle that mt5redis_open returned"),
        )
    }
}

impl Slot {
    /// Frees the session and the slot, when it is closed and the last call has left.
    #[cold]
    fn clear(&self) {
        // Everything the calls did happens before the session is dropped.
        fence(Ordering::Acquire);
        // SAFETY: the pointer is from a `Box`, and no call has or will get a copy of it.
        drop(unsafe { Box::from_raw(self.session.load(Ordering::Relaxed)) });
        FREE.lock().again.push(self.at);
    }
}

impl Free {
    /// Takes a slot that is closed and has no calls inside and no session.
    fn take(&mut self) -> Option<&'static Slot> {
        let at = match self.again.pop() {
            Some(at) => at,
            None if self.unused > SLOTS => return None,
            None => {
                self.unused += 1;
                self.unused - 1
            }
        };
        slot(at).or_else(|| {
            let closed = |slot| Slot {
                word: AtomicU64::new(CLOSED),
                session: AtomicPtr::default(),
                at: at / PAGE * PAGE + slot,
            };
            let page = Box::new(std::array::from_fn(closed));
            PAGES[at / PAGE].store(Box::into_raw(page), Ordering::Release);
            slot(at)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Much longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(10);

    fn session(folder: &tempfile::TempDir) -> Result<Session> {
        Session::open("redis://127.0.0.1:1", "1.Demo", folder.path().to_str().unwrap())
    }

    fn end(handle: i64) {
        let _ = close(handle).unwrap().close(Duration::ZERO);
    }

    /// A call may wait for a slow disk.
    #[test]
    fn a_waiting_call_does_not_block_opening_calling_and_closing() {
        let folder = tempfile::tempdir().unwrap();
        let [slow, other, third] = [(); 3].map(|()| insert(|| session(&folder)).unwrap());
        let (enters, entered) = channel();
        let (leaves, left) = channel::<()>();
        let (finishes, finished) = channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                let inside = |_: &Session| {
                    enters.send(()).unwrap();
                    // Until the test lets go.
                    let _ = left.recv();
                    Ok(1)
                };
                with(slow, inside).unwrap();
            });
            entered.recv().unwrap();
            let folder = &folder;
            scope.spawn(move || {
                end(other);
                let opened = insert(|| session(folder)).unwrap();
                assert_eq!(with(third, |_| Ok(3)).unwrap(), 3);
                finishes.send(opened).unwrap();
            });
            let opened = finished.recv_timeout(PATIENCE);
            drop(leaves);
            let opened = opened.expect("closing, opening and calling go on meanwhile");
            assert_eq!(with(opened, |_| Ok(4)).unwrap(), 4);
            [slow, third, opened].into_iter().for_each(end);
        });
    }

    #[test]
    fn a_session_lives_until_the_last_call_has_left() {
        let folder = tempfile::tempdir().unwrap();
        let handle = insert(|| session(&folder)).unwrap();
        let inside = enter(handle).unwrap();
        end(handle);
        for refused in [enter(handle).err(), close(handle).err(), with(handle, |_| Ok(1)).err()] {
            assert_eq!(refused.unwrap().code(), MT5REDIS_ERR_CLOSED);
        }
        let other = insert(|| session(&folder)).unwrap();
        assert_ne!(other & SLOTS as i64, handle & SLOTS as i64, "its slot is in use");
        // Still there, engine and all.
        assert_eq!(inside.engine().rtss.accepted(), 0);
        drop(inside);
        end(other);
        assert_eq!(enter(handle).err().unwrap().code(), MT5REDIS_ERR_CLOSED);
    }

    #[test]
    fn invented_handles_are_told_apart_from_closed_ones() {
        let folder = tempfile::tempdir().unwrap();
        let handle = insert(|| session(&folder)).unwrap();
        for wrong in [0, -5, i64::MIN, i64::MAX, handle & SLOTS as i64, handle + (1 << SLOT_BITS), 1 << 40] {
            assert_eq!(enter(wrong).err().unwrap().code(), MT5REDIS_ERR_HANDLE, "{wrong}");
        }
        end(handle);
        assert_eq!(enter(handle).err().unwrap().code(), MT5REDIS_ERR_CLOSED);
    }

    #[test]
    fn many_threads_enter_and_one_closes() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..200 {
            let handle = insert(|| session(&folder)).unwrap();
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        while let Ok(inside) = enter(handle) {
                            // The session is alive during the call.
                            assert_eq!(inside.engine().rtss.refused(), 0);
                        }
                    });
                }
                scope.spawn(|| end(handle));
            });
        }
    }
}
