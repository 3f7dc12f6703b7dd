//! Model files, well made and hostile.
mod backend;
mod interpret;
mod tiny;
