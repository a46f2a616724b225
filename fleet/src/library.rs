//! The built library, used as a terminal uses it: loaded at run time and called through its C ABI with UTF-16 text. From
//! the crate it takes only structs and function types, so that both sides agree.

use std::env;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use libloading::Library;
use mt5_redis::abi::{self, MT5REDIS_ABI_VERSION};
use mt5_redis::codes::MT5REDIS_ERR_GAP;
use mt5_redis::inbox::{MT5REDIS_START_RESUME, ReceivedSignal};
use mt5_redis::model::{Deal, ExecutionReport, InstanceState, Signal, TradeState};

macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) -> $result:ty;)*) => {
        struct Functions {
            $($name: unsafe extern "C" fn($($argument),*) -> $result,)*
        }

        // The declared types are those of the compiled functions.
        $(const _: unsafe extern "C" fn($($argument),*) -> $result = abi::$name;)*

        impl Functions {
            fn find(library: &Library) -> Result<Self> {
                $(
                    // SAFETY: the type is the one of the function of this name, as checked above.
                    let $name = *unsafe { library.get(stringify!($name)) }
                        .context(concat!("the library does not export ", stringify!($name)))?;
                )*
                Ok(Self { $($name),* })
            }
        }
    };
}

functions! {
    mt5redis_abi: fn(i32, i32, i32, i32) -> i32;
    mt5redis_version: fn(*mut u16, i32) -> i32;
    mt5redis_open: fn(*const u16, *const u16, *const u16) -> i64;
    mt5redis_instance_state:
        fn(i64, *const InstanceState, *const u16, *const u16, *const u16, *const u16) -> i64;
    mt5redis_trade_state: fn(i64, *const TradeState, *const u16, *const u16) -> i64;
    mt5redis_open_positions: fn(i64, i64, *const i64, i32) -> i64;
    mt5redis_signal: fn(i64, *const Signal, *const u16, *const u16) -> i64;
    mt5redis_deal: fn(i64, *const Deal, i32, *const u16, *const u16) -> i64;
    mt5redis_report: fn(i64, *const ExecutionReport, i32, *const u16, *const u16, *const u16) -> i64;
    mt5redis_subscribe: fn(i64, *const u16, *const u16, *const u16, i64, i64, i32) -> i32;
    mt5redis_next_signal: fn(i64, *mut ReceivedSignal, i32, *mut u16, i32, *mut u16, i32, *mut u16, i32) -> i32;
    mt5redis_acknowledge: fn(i64, i64) -> i32;
    mt5redis_committed: fn(i64, i32) -> i64;
    mt5redis_throttle: fn(i64) -> i32;
    mt5redis_interval_ms: fn(i64, i32) -> i32;
    mt5redis_flush: fn(i64, i32) -> i32;
    mt5redis_close: fn(i64, i32) -> i32;
    mt5redis_stats: fn(i64, *mut u16, i32) -> i32;
    mt5redis_next_event: fn(i64, *mut u16, i32) -> i32;
    mt5redis_last_error: fn(*mut u16, i32) -> i32;
}

/// A NUL-terminated UTF-16 text, as MQL5 passes it.
pub struct Text(Vec<u16>);

impl Text {
    pub fn new(text: &str) -> Self {
        Self(text.encode_utf16().chain([0]).collect())
    }

    fn pointer(&self) -> *const u16 {
        self.0.as_ptr()
    }
}

/// The loaded library.
pub struct Bridge {
    functions: Functions,
    /// Keeps the functions loaded.
    _library: Library,
}

impl Bridge {
    /// Loads the library and checks its ABI.
    pub fn load(path: &Path) -> Result<Self> {
        // A bare file name would be searched for in the system's folders.
        let path = std::path::absolute(path)?;
        // SAFETY: the library runs no code when it is loaded.
        let library = unsafe { Library::new(&path) };
        let library = library.with_context(|| format!("cannot load {}", path.display()))?;
        let bridge = Self { functions: Functions::find(&library)?, _library: library };
        let size = |bytes: usize| bytes as i32;
        // SAFETY: plain numbers.
        let agreed = unsafe {
            (bridge.functions.mt5redis_abi)(
                MT5REDIS_ABI_VERSION,
                size(size_of::<InstanceState>()),
                size(size_of::<TradeState>()),
                size(size_of::<Signal>()),
            )
        };
        bridge.expect(agreed.into())?;
        Ok(bridge)
    }

    /// The library's version.
    pub fn version(&self) -> Result<String> {
        // SAFETY: `text` passes a buffer and its capacity.
        self.text(|buffer, capacity| unsafe { (self.functions.mt5redis_version)(buffer, capacity) })
    }

    /// Opens a session of one instance, with the journal in the data folder.
    pub fn open(&self, config: &str, instance: &str, data_folder: &Path) -> Result<Session<'_>> {
        let data_folder = data_folder.to_str().context("the data folder's name is not valid UTF-8")?;
        let [config, instance, folder] = [config, instance, data_folder].map(Text::new);
        // SAFETY: the texts end with a NUL.
        let handle =
            unsafe { (self.functions.mt5redis_open)(config.pointer(), instance.pointer(), folder.pointer()) };
        self.expect(handle)?;
        Ok(Session { bridge: self, handle })
    }

    /// Turns an error code into an error with the library's message.
    pub fn expect(&self, result: i64) -> Result<()> {
        if result < 0 {
            bail!("error {result}: {}", self.last_error());
        }
        Ok(())
    }

    fn last_error(&self) -> String {
        // SAFETY: `text` passes a buffer and its capacity.
        self.text(|buffer, capacity| unsafe { (self.functions.mt5redis_last_error)(buffer, capacity) })
            .unwrap_or_default()
    }

    /// Fetches a text, again with a larger buffer if it does not fit.
    fn text(&self, fetch: impl Fn(*mut u16, i32) -> i32) -> Result<String> {
        let mut buffer = vec![0; 8192];
        loop {
            let Ok(length) = usize::try_from(fetch(buffer.as_mut_ptr(), buffer.len() as i32)) else {
                bail!("the library returned no text: {}", self.last_error());
            };
            if length < buffer.len() {
                return Ok(String::from_utf16_lossy(&buffer[..length]));
            }
            buffer.resize(length + 1, 0);
        }
    }
}

/// The texts of a heartbeat.
pub struct Account {
    pub server: Text,
    pub company: Text,
    pub currency: Text,
    pub agent: Text,
}

/// What a subscription hands out.
pub enum Received {
    Signal(Box<ReceivedSignal>, String),
    /// Signals that were deleted before they were read, in words.
    Gap(String),
}

/// An open handle. The calls that send return the library's result: a sequence, or an error code.
pub struct Session<'a> {
    bridge: &'a Bridge,
    handle: i64,
}

impl Session<'_> {
    pub fn instance_state(&self, state: &InstanceState, account: &Account) -> i64 {
        let Account { server, company, currency, agent } = account;
        // SAFETY: a whole struct, and texts that end with a NUL.
        unsafe {
            (self.bridge.functions.mt5redis_instance_state)(
                self.handle,
                state,
                server.pointer(),
                company.pointer(),
                currency.pointer(),
                agent.pointer(),
            )
        }
    }

    pub fn trade_state(&self, state: &TradeState, symbol: &Text, comment: &Text) -> i64 {
        let call = self.bridge.functions.mt5redis_trade_state;
        // SAFETY: a whole struct, and texts that end with a NUL.
        unsafe { call(self.handle, state, symbol.pointer(), comment.pointer()) }
    }

    pub fn deal(&self, deal: &Deal, symbol: &Text, comment: &Text) -> i64 {
        let (call, size) = (self.bridge.functions.mt5redis_deal, size_of::<Deal>() as i32);
        // SAFETY: a whole struct and its size, and texts that end with a NUL.
        unsafe { call(self.handle, deal, size, symbol.pointer(), comment.pointer()) }
    }

    pub fn open_positions(&self, time_ms: i64, positions: &[i64]) -> i64 {
        let call = self.bridge.functions.mt5redis_open_positions;
        // SAFETY: the count is the slice's.
        unsafe { call(self.handle, time_ms, positions.as_ptr(), positions.len() as i32) }
    }

    pub fn signal(&self, signal: &Signal, symbol: &Text, comment: &Text) -> i64 {
        let call = self.bridge.functions.mt5redis_signal;
        // SAFETY: a whole struct, and texts that end with a NUL.
        unsafe { call(self.handle, signal, symbol.pointer(), comment.pointer()) }
    }

    /// Reports what became of a signal of `source`.
    pub fn report(&self, report: &ExecutionReport, source: &Text, symbol: &Text, reason: &Text) -> i64 {
        let (call, size) = (self.bridge.functions.mt5redis_report, size_of::<ExecutionReport>() as i32);
        // SAFETY: a whole struct and its size, and texts that end with a NUL.
        unsafe { call(self.handle, report, size, source.pointer(), symbol.pointer(), reason.pointer()) }
    }

    /// Follows a source, of any age, where this instance stopped. A new follower begins with the oldest signal.
    pub fn subscribe(&self, source: &str) -> Result<()> {
        let (none, source) = (Text::new(""), Text::new(source));
        let call = self.bridge.functions.mt5redis_subscribe;
        // SAFETY: the texts end with a NUL.
        let result = unsafe {
            call(self.handle, none.pointer(), source.pointer(), none.pointer(), 0, 0, MT5REDIS_START_RESUME)
        };
        self.bridge.expect(result.into())
    }

    /// The next signal of the subscription with its symbol, or a gap, if either is here.
    pub fn next_signal(&self) -> Result<Option<Received>> {
        let mut signal = Box::<ReceivedSignal>::default();
        let (mut instance, mut symbol, mut comment) = ([0; 41], [0; 49], [0; 97]);
        let call = self.bridge.functions.mt5redis_next_signal;
        // SAFETY: a whole struct and its size, and buffers with their capacities.
        let result = unsafe {
            call(
                self.handle,
                &mut *signal,
                size_of::<ReceivedSignal>() as i32,
                instance.as_mut_ptr(),
                instance.len() as i32,
                symbol.as_mut_ptr(),
                symbol.len() as i32,
                comment.as_mut_ptr(),
                comment.len() as i32,
            )
        };
        if result == MT5REDIS_ERR_GAP {
            return Ok(Some(Received::Gap(self.bridge.last_error())));
        }
        self.bridge.expect(result.into())?;
        let end = symbol.iter().position(|unit| *unit == 0).unwrap_or(symbol.len());
        Ok((result == 1).then(|| Received::Signal(signal, String::from_utf16_lossy(&symbol[..end]))))
    }

    /// Acknowledges a signal by its number.
    pub fn acknowledge(&self, number: i64) -> Result<()> {
        // SAFETY: plain numbers.
        let result = unsafe { (self.bridge.functions.mt5redis_acknowledge)(self.handle, number) };
        self.bridge.expect(result.into())
    }

    /// The committed sequence of each lane.
    pub fn committed(&self) -> Result<[u64; 3]> {
        let mut lanes = [0; 3];
        for (number, lane) in lanes.iter_mut().enumerate() {
            // SAFETY: plain numbers.
            let result = unsafe { (self.bridge.functions.mt5redis_committed)(self.handle, number as i32) };
            self.bridge.expect(result)?;
            *lane = result as u64;
        }
        Ok(lanes)
    }

    /// The throttle level.
    pub fn throttle(&self) -> Result<u8> {
        // SAFETY: plain numbers.
        let level = unsafe { (self.bridge.functions.mt5redis_throttle)(self.handle) };
        self.bridge.expect(level.into())?;
        Ok(level as u8)
    }

    /// The interval that the library recommends for deferrable records of a lane.
    pub fn interval(&self, lane: i32) -> Result<Duration> {
        // SAFETY: plain numbers.
        let ms = unsafe { (self.bridge.functions.mt5redis_interval_ms)(self.handle, lane) };
        self.bridge.expect(ms.into())?;
        Ok(Duration::from_millis(ms as u64))
    }

    /// The library's counters, as JSON.
    pub fn stats(&self) -> Result<serde_json::Value> {
        let call = self.bridge.functions.mt5redis_stats;
        // SAFETY: `text` passes a buffer and its capacity.
        let json = self.bridge.text(|buffer, capacity| unsafe { call(self.handle, buffer, capacity) })?;
        serde_json::from_str(&json).with_context(|| format!("the statistics are not JSON: {json}"))
    }

    /// The next line of the library's log.
    pub fn next_event(&self) -> Result<Option<String>> {
        let call = self.bridge.functions.mt5redis_next_event;
        // SAFETY: `text` passes a buffer and its capacity.
        let line = self.bridge.text(|buffer, capacity| unsafe { call(self.handle, buffer, capacity) })?;
        Ok(Some(line).filter(|line| !line.is_empty()))
    }

    pub fn flush(&self, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // SAFETY: plain numbers.
            let result =
                unsafe { (self.bridge.functions.mt5redis_flush)(self.handle, left.as_millis() as i32) };
            // The library does not wait for heartbeats while their server is in trouble; we count them, so we do.
            if result <= 0 || left.is_zero() {
                return self.bridge.expect(result.into());
            }
            thread::park_timeout(Duration::from_millis(10));
        }
    }

    pub fn close(self, timeout: Duration) -> Result<()> {
        // SAFETY: plain numbers.
        let result =
            unsafe { (self.bridge.functions.mt5redis_close)(self.handle, timeout.as_millis() as i32) };
        self.bridge.expect(result.into())
    }
}

/// The newest built library beside this program or in Cargo's `deps` folder. There may be one in each, because Cargo
/// copies it only if the library itself is the build target.
pub fn default_path() -> Result<PathBuf> {
    let name = libloading::library_filename("mt5_redis");
    let program = env::current_exe().context("cannot find this program's folder")?;
    let folder = program.parent().context("this program has no folder")?;
    let places = [folder.join(&name), folder.join("deps").join(&name), folder.join("..").join(&name)];
    let built = |path: &PathBuf| path.metadata().and_then(|file| file.modified()).ok();
    let newest = places.into_iter().filter(|path| built(path).is_some()).max_by_key(built);
    newest.with_context(|| {
        let (name, folder) = (name.display(), folder.display());
        format!("there is no {name} in {folder}: build it with cargo build, or pass --library PATH")
    })
}
