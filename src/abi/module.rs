//! Keeps the library loaded: once one of its threads runs, the module must never be unmapped.
//!
//! Unloading a DLL with a running thread is an access violation, and joining threads while the loader holds its lock is
//! a deadlock. So the first `mt5redis_open` pins the module, and there is no `DllMain`. On Linux, `build.rs` links the
//! shared object with `-z nodelete`, which does the same.

#[cfg(windows)]
pub(super) fn pin() {
    use once_cell::sync::OnceCell;
    use windows_sys::Win32::Foundation::HMODULE;
    use windows_sys::Win32::System::LibraryLoader::{
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
    };

    static PINNED: OnceCell<()> = OnceCell::new();
    PINNED.get_or_init(|| {
        let mut module: HMODULE = std::ptr::null_mut();
        let here: fn() = pin;
        // SAFETY: with FROM_ADDRESS the second argument is an address inside the module, which `here` is;
        // `module` is writable.
        unsafe {
            GetModuleHandleExW(
                GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                here as *const u16,
                &mut module,
            );
        }
    });
}

#[cfg(not(windows))]
pub(super) fn pin() {}
