//! Makes the graph of an exported network pure and minimal. In a pure graph each operator only computes new values
//! and overwrites none, so every value can be kept for a backward pass.
//!
//! An export has the operators of the model's code, some of which overwrite (`relu_`, `add_`, `fill_` on a
//! slice). Other values may share the memory that they overwrite, as views do. So `memory` follows for each value
//! which memory it lies in, which views lead to it, and for which version of the memory it was computed; after an
//! overwrite the views are computed anew when they are used again. `rewrite` brings operators into one form,
//! `prune` removes what the logits do not need.
//!
//! "Old" values and nodes are those of the exported graph, "new" ones those of the graph that is made.

use crate::network::graph::check;
use crate::network::graph::operators::{self, ARITHMETIC, SIZE};
use crate::network::graph::problem::{self, Problem, quote};
use crate::network::graph::program::{Argument, Graph, GraphTensor, Meta, Node, Role, Size};
use crate::weights::exported::calls::Calls;
use crate::weights::exported::memory::{Memory, Step};
use crate::weights::exported::prune;
use crate::weights::exported::rewrite::{self, Rewritten};
use crate::weights::exported::views::{self, Sharing};

/// Returns the pure and minimal graph, checked.
///
/// # Errors
/// A graph that overwrites a value which is used later in a way that cannot be followed, calls an operator that is
/// not allowed, or cannot be run.
pub fn lower(graph: &Graph) -> Result<Graph, Problem> {
    let mut lowering = Lowering::new(graph);
    for node in &graph.nodes {
        lowering.node(node)?;
        check::size(lowering.calls.metas.len(), "values")?;
    }
    let output = lowering
        .memory
        .read(&mut lowering.calls, graph.output, "output")?;
    let Lowering {
        calls,
        input,
        tensors,
        ..
    } = lowering;
    let mut lowered = prune::prune(calls, input, output, tensors);
    lowered.modules.clone_from(&graph.modules);
    lowered.validate()?;
    Ok(lowered)
}

/// The state of the work between two nodes of the old graph.
struct Lowering<'a> {
    old: &'a Graph,
    /// Whether each old value is used.
    used: Vec<bool>,
    /// The new graph's calls and values so far.
    calls: Calls,
    /// The new value that is the images.
    input: usize,
    /// The tensors that the network owns, with their new values.
    tensors: Vec<GraphTensor>,
    /// Which new value each old value is.
    memory: Memory,
    /// What each old value that is an integer is: a number, or a new value; `None` for tensors and values not made yet.
    sizes: Vec<Option<Size>>,
    /// The new value that is the batch size, once it is needed.
    batch: Option<usize>,
}

impl<'a> Lowering<'a> {
    /// Begins with the images and the tensors that the network owns. Running statistics do not count as constant, as
    /// batch norms update them in training.
    fn new(old: &'a Graph) -> Self {
        let mut used = vec![false; old.values.len()];
        let mut statistics = vec![false; old.values.len()];
        used[old.output] = true;
        for node in &old.nodes {
            node.tensors().for_each(|value| used[value] = true);
            for name in ["running_mean", "running_var"] {
                if let Some(value) = node.tensor(name) {
                    statistics[value] = true;
                }
            }
        }
        let mut lowering = Lowering {
            old,
            used,
            calls: Calls::default(),
            input: 0,
            tensors: Vec::new(),
            memory: Memory::of(old.values.len()),
            sizes: vec![None; old.values.len()],
            batch: None,
        };
        lowering.input = lowering.source(old.input, false);
        for tensor in &old.tensors {
            let constant = tensor.role != Role::Parameter && !statistics[tensor.value];
            let value = lowering.source(tensor.value, constant);
            lowering.tensors.push(GraphTensor {
                value,
                ..tensor.clone()
            });
        }
        lowering
    }

    /// Adds the old value `old`, which no call makes, to the new graph; returns its number there.
    fn source(&mut self, old: usize, constant: bool) -> usize {
        let value = self.calls.value(self.old.values[old].clone(), constant);
        self.memory.put_alone(old, value);
        value
    }

    /// Adds to the new graph what a node of the old graph computes.
    fn node(&mut self, node: &Node) -> Result<(), Problem> {
        if node.operator == SIZE || ARITHMETIC.contains(&node.operator.as_str()) {
            return self.number(node);
        }
        let user = format!(
            "{} in {}",
            quote(&node.operator),
            problem::place(&node.module)
        );
        let metas: Vec<Meta> = node
            .outputs
            .iter()
            .map(|&output| self.old.values[output].clone())
            .collect();
        let first = node.tensors().next();
        let in_place = rewrite::in_place(&node.operator);
        let mut call = node.clone();
        if let Some(operator) = &in_place {
            call.operator.clone_from(operator);
            // In-place changes of the shape alone (`squeeze_`) are refused, as `check` knows no such operator.
            if views::sharing(call.name()) != Sharing::Nothing || metas.len() != 1 {
                return operators::check(node);
            }
        }
        let sharing = views::sharing(call.name());
        self.translate(&mut call, &user)?;
        let used: Vec<bool> = node
            .outputs
            .iter()
            .map(|&output| self.used[output])
            .collect();
        let form = rewrite::rewrite(&mut self.calls, call, &metas, &used)?;

        if let (Some(_), Some(first)) = (&in_place, first) {
            let value = match form {
                Rewritten::Same(value, _) => value,
                Rewritten::Call(call) => {
                    operators::check(&call)?;
                    self.calls.add(call, &metas)[0]
                }
            };
            self.memory.write(&mut self.calls, (first, value), node);
            self.memory.put_beside(node.outputs[0], first);
            return Ok(());
        }
        match form {
            Rewritten::Same(value, sharing) => {
                let output = node.outputs[0];
                match (sharing, first) {
                    (Sharing::Nothing, _) | (_, None) => self.memory.put_alone(output, value),
                    (Sharing::Memory, Some(first)) => self.memory.put_beside(output, first),
                    (Sharing::Perhaps, Some(first)) => {
                        self.memory.put_behind(output, first, value, Step::Perhaps);
                    }
                }
            }
            Rewritten::Call(call) => {
                operators::check(&call)?;
                self.call(node, call, &metas, sharing, first);
            }
        }
        Ok(())
    }

    /// Adds `call`, which `node` becomes, and notes in which memory its outputs lie.
    fn call(
        &mut self,
        node: &Node,
        call: Node,
        metas: &[Meta],
        sharing: Sharing,
        first: Option<usize>,
    ) {
        // The rewritten call may have fewer outputs, without those that are not used.
        let n_outputs = call.outputs.len();
        let metas = &metas[..n_outputs];
        let values = self.calls.add(call.clone(), metas);
        let first = first.and_then(|first| Some((first, self.memory.last_read(first)?)));
        for (output, (&old, &value)) in node.outputs.iter().zip(&values).enumerate() {
            let (first, step) = match (first, sharing) {
                (None, _) | (_, Sharing::Nothing) => {
                    self.memory.put_alone(old, value);
                    continue;
                }
                (Some((first, _)), Sharing::Perhaps) => (first, Step::Perhaps),
                (Some((first, now)), Sharing::Memory) => {
                    let view = Step::View {
                        node: call.clone(),
                        from: self.calls.metas[now].clone(),
                        to: metas.to_vec(),
                        output,
                    };
                    (first, view)
                }
            };
            self.memory.put_behind(old, first, value, step);
        }
    }

    /// Replaces the old values among a node's arguments by the new ones. `user` names the node in messages.
    fn translate(&mut self, node: &mut Node, user: &str) -> Result<(), Problem> {
        let sizes = &self.sizes;
        let number = |size: &mut Size| {
            if let Size::Value(old) = *size {
                *size = sizes[old].ok_or_else(|| Problem::Graph {
                    part: user.into(),
                    found: format!("number {old}, which is not made before"),
                    expected: "values that are made before their use".into(),
                })?;
            }
            Ok(())
        };
        for (_, argument) in &mut node.arguments {
            match argument {
                Argument::Int(size) => number(size)?,
                Argument::Ints(many) => many.iter_mut().try_for_each(number)?,
                _ => {}
            }
        }
        for (_, argument) in &mut node.arguments {
            match argument {
                Argument::Tensor(value) => {
                    *value = self.memory.read(&mut self.calls, *value, user)?
                }
                Argument::Tensors(values) => {
                    for value in values.iter_mut().flatten() {
                        *value = self.memory.read(&mut self.calls, *value, user)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Adds what a node computes that reads a size or calculates with integers: a number if it is known now, else a
    /// call.
    fn number(&mut self, node: &Node) -> Result<(), Problem> {
        let user = quote(&node.operator);
        let wrong = || Problem::Graph {
            part: user.clone(),
            found: format!("{:?}", node.arguments),
            expected: "two numbers, or a tensor and its axis".into(),
        };
        let &[output] = &node.outputs[..] else {
            return Err(wrong());
        };
        let mut call = node.clone();
        self.translate(&mut call, &user)?;
        let size = match &call.arguments[..] {
            [
                (_, Argument::Tensor(value)),
                (_, Argument::Int(Size::Known(axis))),
            ] => {
                let size = self.calls.metas[*value].size().unwrap_or(&[]);
                let from_end = if *axis < 0 { size.len() as i64 } else { 0 };
                let axis = usize::try_from(axis.saturating_add(from_end));
                match size.get(axis.map_err(|_| wrong())?).ok_or_else(wrong)? {
                    Some(known @ 0..) => Some(Size::Known(*known)),
                    Some(_) => None,
                    None => Some(Size::Value(self.batch_size())),
                }
            }
            [
                (_, Argument::Int(Size::Known(a))),
                (_, Argument::Int(Size::Known(b))),
            ] => {
                let result = match call.operator.as_str() {
                    "_operator.add" => a.checked_add(*b),
                    "_operator.sub" => a.checked_sub(*b),
                    "_operator.mul" => a.checked_mul(*b),
                    _ if *b > 0 => Some(a.div_euclid(*b)),
                    _ => None,
                };
                Some(Size::Known(result.ok_or_else(wrong)?))
            }
            _ => None,
        };
        self.sizes[output] = Some(match size {
            Some(size) => size,
            None => Size::Value(self.calls.add(call, &[Meta::Int])[0]),
        });
        Ok(())
    }

    /// The new value that is the batch size: the size of the images' first axis.
    fn batch_size(&mut self) -> usize {
        if let Some(batch) = self.batch {
            return batch;
        }
        let call = Node {
            operator: SIZE.into(),
            arguments: vec![
                ("self".into(), Argument::Tensor(self.input)),
                ("dim".into(), Argument::Int(Size::Known(0))),
            ],
            outputs: Vec::new(),
            module: String::new(),
            constant: false,
        };
        let batch = self.calls.add(call, &[Meta::Int])[0];
        self.batch = Some(batch);
        batch
    }
}
