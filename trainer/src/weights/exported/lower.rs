//! Makes an exported graph pure and minimal, so that an interpreter needs no in-place operators and can keep
//! every value: each operator only computes new values.
//!
//! An export has the operators of the model's code, some of which overwrite (`relu_`, `add_`, `fill_` on a
//! slice). What they overwrite may be seen by other names through views, so this follows which values lie in
//! the same memory: a value knows the memory it lies in, the views that lead to it, and for which version of
//! the memory it was computed. After an overwrite the views are computed anew where they are used again.
//! `rewrite` brings operators into one form, `memory` follows views and overwrites, `prune` removes what the
//! logits do not need.

use crate::network::graph::check;
use crate::network::graph::operators::{self, ARITHMETIC, SIZE};
use crate::network::graph::problem::{self, Problem, quote};
use crate::network::graph::program::{Argument, Graph, GraphTensor, Meta, Node, Role, Size};
use crate::weights::exported::calls::Calls;
use crate::weights::exported::memory::{Memory, Step};
use crate::weights::exported::prune;
use crate::weights::exported::rewrite::{self, Form};
use crate::weights::exported::views::{self, Sharing};

/// Returns the graph in pure and minimal form, checked.
///
/// # Errors
/// A graph that overwrites what is used later in a way that cannot be followed, calls what is not allowed, or
/// cannot be run.
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

/// The lowering between two nodes: what the old values are, and the calls so far.
struct Lowering<'a> {
    old: &'a Graph,
    /// Whether each old value is used.
    used: Vec<bool>,
    calls: Calls,
    input: usize,
    tensors: Vec<GraphTensor>,
    memory: Memory,
    /// The old values that are numbers.
    sizes: Vec<Option<Size>>,
    /// The batch size, once it is asked for.
    batch: Option<usize>,
}

impl<'a> Lowering<'a> {
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

    /// Adds a value that no call makes.
    fn source(&mut self, old: usize, constant: bool) -> usize {
        let value = self.calls.value(self.old.values[old].clone(), constant);
        self.memory.put_alone(old, value);
        value
    }

    /// Lowers a node of the old graph.
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
                Form::Same(value, _) => value,
                Form::Call(call) => {
                    operators::check(&call)?;
                    self.calls.add(call, &metas)[0]
                }
            };
            self.memory.write(&mut self.calls, (first, value), node);
            self.memory.put_beside(node.outputs[0], first);
            return Ok(());
        }
        match form {
            Form::Same(value, sharing) => {
                let output = node.outputs[0];
                match (sharing, first) {
                    (Sharing::Nothing, _) | (_, None) => self.memory.put_alone(output, value),
                    (Sharing::Memory, Some(first)) => self.memory.put_beside(output, first),
                    (Sharing::Perhaps, Some(first)) => {
                        self.memory.put_behind(output, first, value, Step::Perhaps);
                    }
                }
            }
            Form::Call(call) => {
                operators::check(&call)?;
                self.call(node, call, &metas, sharing, first);
            }
        }
        Ok(())
    }

    /// Adds the call that `node` becomes, and notes where its outputs lie.
    fn call(
        &mut self,
        node: &Node,
        call: Node,
        metas: &[Meta],
        sharing: Sharing,
        first: Option<usize>,
    ) {
        // A call in another form may leave out outputs that are not used.
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

    /// Replaces the old values among a node's arguments.
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

    /// Lowers a calculation with the batch size: what is known is computed.
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

    /// The batch size, as the size of the images.
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
