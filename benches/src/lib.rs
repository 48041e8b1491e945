//! What every bench shares with the binary `lakeseed`: its allocator, and its pages of memory.

/// The allocator of the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Has the kernel back memory with small pages, as the binary does. Called first, it also links the
/// allocator: a program that takes nothing from this crate has another one.
pub fn as_the_binary() {
    // An old kernel without the switch is no reason to fail, there as here.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
