use super::Shape;
use crate::error::Error;

/// Bytes of the longest message.
const LEN: usize = 320;

/// An error of [`network!`](crate::network!) as the compiler prints it, in a constant: the node, the shape of its operand and the reason.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Message {
    bytes: [u8; LEN],
    len: usize,
}

impl Message {
    /// `node 2, on a value of shape 1 x 2 x 2: the window does not fit the image ...`
    pub const fn new(error: Error, operand: Shape) -> Self {
        let message = Self { bytes: [0; LEN], len: 0 };
        match error {
            Error::InvalidNode { node, .. } => {
                let message =
                    message.text("node ").number(node).text(", on a value of shape ").number(operand.channels);
                let message =
                    message.text(" x ").number(operand.height as u32).text(" x ").number(operand.width as u32);
                message.text(": ").text(error.reason())
            }
            _ => message.text(error.reason()),
        }
    }

    /// The message.
    pub const fn as_str(&self) -> &str {
        // No panic: `len` is at most the array's length, and whole texts and digits are written.
        match core::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "",
        }
    }

    const fn text(mut self, text: &str) -> Self {
        let (text, mut i) = (text.as_bytes(), 0);
        if text.len() > LEN - self.len {
            return self;
        }
        while i < text.len() {
            self.bytes[self.len] = text[i];
            (self.len, i) = (self.len + 1, i + 1);
        }
        self
    }

    const fn number(self, x: u32) -> Self {
        let before = if x >= 10 { self.number(x / 10) } else { self };
        let digit = [b'0' + (x % 10) as u8];
        match core::str::from_utf8(&digit) {
            Ok(digit) => before.text(digit),
            Err(_) => before,
        }
    }
}
