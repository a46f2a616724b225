//! The table of open handles. A handle is a number with a generation, never a pointer: one that was
//! closed, made up or comes from an earlier life is told apart from a good one.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::codes::*;
use crate::error::{Error, Result};
use crate::session::Session;

/// The low 16 bits of a handle are its slot plus one, the bits above its generation.
const SLOT_BITS: u32 = 16;
const SLOTS: usize = (1 << SLOT_BITS) - 1;

struct Slot {
    generation: u32,
    session: Option<Arc<Session>>,
}

struct Table {
    slots: Vec<Slot>,
    /// Slots that were used and are free again.
    free: Vec<usize>,
}

static TABLE: RwLock<Table> = RwLock::new(Table { slots: Vec::new(), free: Vec::new() });

/// Opens a session and gives it a handle.
pub(super) fn insert(open: impl FnOnce() -> Result<Session>) -> Result<i64> {
    let session = Arc::new(open()?);
    let mut table = TABLE.write();
    let at = match table.free.pop() {
        Some(at) => at,
        None if table.slots.len() < SLOTS => {
            table.slots.push(Slot { generation: 0, session: None });
            table.slots.len() - 1
        }
        None => {
            drop(table);
            // Nothing was accepted from this session yet: there is nothing to wait for.
            let _ = session.close(std::time::Duration::ZERO);
            return Err(Error::new(
                MT5REDIS_ERR_TOO_MANY_HANDLES,
                format!("all {SLOTS} handles of this process are in use: close some"),
            ));
        }
    };
    let slot = &mut table.slots[at];
    slot.generation += 1;
    slot.session = Some(session);
    Ok(i64::from(slot.generation) << SLOT_BITS | (at as i64 + 1))
}

/// Calls `call` with the handle's session; a record's sequence number becomes the result.
pub(super) fn with(handle: i64, call: impl FnOnce(&Session) -> Result<u64>) -> Result<i64> {
    let table = TABLE.read();
    let (_, session) = find(&table.slots, handle)?;
    call(session).map(|sequence| sequence as i64)
}

/// The handle's session, for calls that may take longer than the table should stay locked.
pub(super) fn get(handle: i64) -> Result<Arc<Session>> {
    let table = TABLE.read();
    find(&table.slots, handle).map(|(_, session)| session.clone())
}

/// Takes the handle out of use and returns its session.
pub(super) fn remove(handle: i64) -> Result<Arc<Session>> {
    let mut table = TABLE.write();
    let (at, _) = find(&table.slots, handle)?;
    table.free.push(at);
    Ok(table.slots[at].session.take().expect("found above, under the same lock"))
}

fn find(slots: &[Slot], handle: i64) -> Result<(usize, &Arc<Session>)> {
    let at = (handle & SLOTS as i64) - 1;
    let generation = handle >> SLOT_BITS;
    let slot = usize::try_from(at).ok().and_then(|at| slots.get(at));
    match slot {
        Some(slot) if generation >= 1 && generation <= slot.generation.into() => match &slot.session {
            Some(session) if generation == i64::from(slot.generation) => Ok((at as usize, session)),
            _ => Err(Error::new(
                MT5REDIS_ERR_CLOSED,
                format!("handle {handle} was closed: call mt5redis_open for a new one"),
            )),
        },
        _ => Err(Error::new(
            MT5REDIS_ERR_HANDLE,
            format!("handle {handle} was never handed out: pass what mt5redis_open returned"),
        )),
    }
}
