//! Model files, well made and hostile.
mod backend;
mod hostile;
mod interpret;
mod lite;
mod patterns;
mod selection;
mod tiny;
mod training;
mod transposed;
mod versions;
mod write;
