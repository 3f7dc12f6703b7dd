//! Models of others, run.
mod backend;
mod conditions;
mod int8;
mod mistakes;
mod npz;
mod passes;
mod run;
mod tflite;
mod torch;
