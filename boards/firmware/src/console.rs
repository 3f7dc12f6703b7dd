use core::fmt::Debug;

/// Where results go: everything that this crate needs of a device.
pub trait Console {
    /// One result: the name of a task and the text of its digest.
    fn line(&mut self, name: &str, digest: &str);

    /// One failure: a check of the self-test, or the error that ended a task.
    fn failure(&mut self, name: &str, reason: &dyn Debug);
}
