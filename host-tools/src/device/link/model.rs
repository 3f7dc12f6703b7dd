//! Inference on a device: the graph and its parameters are put without an answer, and every request names the digest of what it wants.
use super::expected::{check_stack, check_ticks};
use super::reply::Reply;
use super::training::{Words, other};
use super::work::{Watched, Work};
use super::{Link, LinkError, Standing};
use shatterscope::wire::{Load, Loaded, MAX_FRAME, Message, Predict, Predicted};

impl Link {
    /// Loads a graph: `nodes` are its words and those of its slots, which are put until they have arrived.
    ///
    /// # Errors
    /// [`LinkError`]; a device refuses a graph that it has no memory for.
    pub fn load(&mut self, load: &Load, nodes: Words) -> Result<Loaded, LinkError> {
        self.with_nodes(load.session, nodes, |link| link.loaded(load))
    }

    /// How a graph is laid out that has been loaded.
    ///
    /// # Errors
    /// [`LinkError`]; a device refuses a graph whose nodes it does not have.
    pub fn loaded(&mut self, load: &Load) -> Result<Loaded, LinkError> {
        let arena = self.identity.arena;
        self.asked(
            MAX_FRAME,
            |link, request, end| link.send(request, Message::Load(*load), end),
            |reply| match reply {
                Reply::Loaded { loaded, .. } if loaded.arena > arena || loaded.least > loaded.arena => {
                    Err(LinkError::Lie(format!(
                        "a graph in {} B of memory, {} B would do, and the device has {arena} B",
                        loaded.arena, loaded.least
                    )))
                }
                Reply::Loaded { loaded, .. } => Ok(Some(loaded)),
                reply => Err(other(&reply)),
            },
        )
    }

    /// Puts inputs and has a forward pass run on them, as often as it takes. One that is cancelled ends with
    /// [`Why::Cancelled`](shatterscope::wire::Why::Cancelled).
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn predict(&mut self, predict: &Predict, inputs: Words, watched: Watched) -> Result<Predicted, LinkError> {
        let at = Standing { session: predict.session, step: 0 };
        let ram = self.identity.ram;
        let every = watched.reports().then_some(watched.every);
        self.watching(
            inputs.bytes() + 2 * MAX_FRAME,
            Some(&mut Work::new(watched)),
            |link, request, end| {
                link.put_report(request, at, every, end)?;
                link.put_under(request, at, inputs, end)?;
                link.send(request, Message::Predict(*predict), end)
            },
            |reply| match reply {
                Reply::Predicted { predicted, .. }
                    if (predicted.count, predicted.inputs) != (predict.count, predict.inputs) =>
                {
                    Err(LinkError::Lie(format!(
                        "outputs of {} points with digest {:016x}, {} with {:016x} were asked for",
                        predicted.count, predicted.inputs, predict.count, predict.inputs
                    )))
                }
                Reply::Predicted { predicted, .. } => {
                    check_stack(predicted.stack, ram)?;
                    check_ticks(predicted.ticks)?;
                    Ok(Some(predicted))
                }
                reply => Err(other(&reply)),
            },
        )
    }
}
