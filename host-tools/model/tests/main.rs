//! Models of others, run.
mod backend;
mod npz;
mod run;
mod tflite;
