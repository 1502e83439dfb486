//! Turns the nodes of PyTorch's export schema, whose values have names, into nodes of our graph, whose values have
//! numbers.
//!
//! Conditions on the batch size, which an export keeps as assertions, are left out: the network is run with any
//! batch size. So are devices and memory layouts, which the trainer decides.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::network::graph::check;
use crate::network::graph::operators;
use crate::network::graph::problem::{Problem, place, quote};
use crate::network::graph::program::{Argument, Meta, Node, OTHER, Size};
use crate::weights::exported::schema::{self, Extent, OptionalTensor, SymInt, Symbol};
use crate::weights::exported::storage;

/// Arguments that say how memory is allocated; they are left out.
const OF_MEMORY: [&str; 3] = ["pin_memory", "non_blocking", "memory_format"];

/// The values that are defined so far, by their names in the file.
pub(crate) struct Values<'a> {
    /// The type and size of each value, by its number.
    pub(crate) metas: Vec<Meta>,
    /// The paths of the modules that call others.
    pub(crate) modules: BTreeSet<String>,
    graph: &'a schema::Graph,
    /// The symbol that stands for the batch size in sizes.
    batch: &'a str,
    /// The number of each value by its name.
    numbers: HashMap<&'a str, usize>,
    /// The paths of the modules that are called.
    called: HashSet<&'a str>,
    /// The names of truth values, which are left out.
    conditions: HashSet<&'a str>,
}

impl<'a> Values<'a> {
    pub(crate) fn new(graph: &'a schema::Graph, batch: &'a str) -> Self {
        let stacks = graph
            .nodes
            .iter()
            .map(|node| &node.metadata.nn_module_stack);
        Values {
            metas: Vec::new(),
            modules: BTreeSet::new(),
            graph,
            batch,
            numbers: HashMap::new(),
            called: stacks.flat_map(|stack| modules(stack)).collect(),
            conditions: HashSet::new(),
        }
    }

    /// The type and size of a tensor, as the file has them. A size that is an expression other than the batch size
    /// becomes [`OTHER`].
    pub(crate) fn meta(&self, name: &str) -> Result<Meta, Problem> {
        let fail = |found: String, expected: &str| Problem::Graph {
            part: format!("value {}", quote(name)),
            found,
            expected: expected.into(),
        };
        let meta = self.graph.tensor_values.0.get(name);
        let meta = meta.ok_or_else(|| fail("no type and size".into(), "both"))?;
        let dtype = storage::dtype(meta)
            .map_err(|found| fail(found, "integers or floating-point numbers"))?;
        let size = meta.sizes.iter().map(|extent| match extent {
            Extent::AsInt(size) => Some(*size),
            Extent::AsExpr(expression) if expression.expr_str == self.batch => None,
            Extent::AsExpr(_) => Some(OTHER),
        });
        let size: Vec<Option<i64>> = size.collect();
        let meta_found = Meta::Tensor { size, dtype };
        check::check_meta(&meta_found).map_err(|found| fail(found, "a possible size"))?;
        if meta
            .sizes
            .iter()
            .any(|extent| matches!(extent, Extent::AsInt(..0)))
        {
            return Err(fail("a negative size".into(), "a possible size"));
        }
        Ok(meta_found)
    }

    /// Defines the tensor of this name; returns its number.
    pub(crate) fn define_tensor(&mut self, name: &'a str) -> Result<usize, Problem> {
        let meta = self.meta(name)?;
        self.define(name, meta)
    }

    /// Adds a value without a name; returns its number.
    pub(crate) fn unnamed(&mut self, meta: Meta) -> usize {
        self.metas.push(meta);
        self.metas.len() - 1
    }

    /// Gives a value a further name.
    pub(crate) fn alias(&mut self, name: &'a str, value: usize) -> Result<(), Problem> {
        if self.conditions.contains(name) || self.numbers.insert(name, value).is_some() {
            return Err(Problem::Graph {
                part: format!("value {}", quote(name)),
                found: "it made twice".into(),
                expected: "every value made once".into(),
            });
        }
        Ok(())
    }

    /// Defines the value `name` of this type and size; returns its number.
    fn define(&mut self, name: &'a str, meta: Meta) -> Result<usize, Problem> {
        let value = self.unnamed(meta);
        self.alias(name, value)?;
        Ok(value)
    }

    /// The number of the tensor `name`, which `user` (a node, for messages) refers to.
    pub(crate) fn tensor(&self, name: &str, user: &str) -> Result<usize, Problem> {
        self.find(name, user, false)
    }

    /// The number of the value `name`, which must be an integer (`is_int`) or a tensor.
    fn find(&self, name: &str, user: &str, is_int: bool) -> Result<usize, Problem> {
        let fail = |found: String, expected: &str| Problem::Graph {
            part: user.into(),
            found,
            expected: expected.into(),
        };
        let value = self.numbers.get(name).copied();
        let value = value.ok_or_else(|| {
            fail(
                format!("value {}, which is not made before", quote(name)),
                "values that are made before their use",
            )
        })?;
        if is_int != (self.metas[value] == Meta::Int) {
            let found = format!("value {} of another kind", quote(name));
            let expected = match is_int {
                true => "a whole number",
                false => "a tensor",
            };
            return Err(fail(found, expected));
        }
        Ok(value)
    }

    /// Converts a node; `None` if it is left out, as assertions and conditions are.
    pub(crate) fn node(&mut self, node: &'a schema::Node) -> Result<Option<Node>, Problem> {
        let operator = node
            .target
            .strip_prefix("torch.ops.")
            .unwrap_or(&node.target);
        if is_assertion(operator) {
            return Ok(None);
        }
        let module = self.module(&node.metadata.nn_module_stack);
        if let Some(conditions) = conditions(&node.outputs) {
            self.conditions.extend(conditions);
            return Ok(None);
        }
        check::check_module(module)?;
        operators::check_origin(operator, module)?;
        let user = format!("{} in {}", quote(operator), place(module));
        let mut arguments = Vec::with_capacity(node.inputs.len());
        for input in &node.inputs {
            if let Some(argument) = self.argument(input, &user)? {
                check::check_length(&argument).map_err(|found| Problem::Graph {
                    part: user.clone(),
                    found,
                    expected: "at most 2^12".into(),
                })?;
                arguments.push((input.name.clone(), argument));
            }
        }
        let mut outputs = Vec::with_capacity(node.outputs.len());
        for output in &node.outputs {
            match output {
                schema::Argument::AsTensor(output) => {
                    outputs.push(self.define_tensor(&output.name)?);
                }
                schema::Argument::AsTensors(tensors) => {
                    for output in tensors {
                        outputs.push(self.define_tensor(&output.name)?);
                    }
                }
                schema::Argument::AsSymInt(SymInt::AsName(name))
                    if self.graph.sym_int_values.0.contains_key(name) =>
                {
                    outputs.push(self.define(name, Meta::Int)?);
                }
                _ => return Err(self.refuse(&user, "output", kind(output))),
            }
        }
        Ok(Some(Node {
            operator: operator.to_owned(),
            arguments,
            outputs,
            module: module.to_owned(),
            constant: false,
        }))
    }

    /// Returns the path of the module that a node belongs to, the innermost of its `stack`, and notes the modules
    /// around it as modules that call others.
    ///
    /// A module may be called by another module than its path says: an activation that all blocks share has the path
    /// of the first block. Such a call counts as a part of the calling module.
    fn module(&mut self, stack: &'a str) -> &'a str {
        let is_within = |path: &str, outer: &str| {
            let rest = path.strip_prefix(outer);
            outer.is_empty() || rest.is_some_and(|rest| rest.starts_with('.'))
        };
        let mut module = "";
        for path in modules(stack).filter(|path| !path.is_empty()) {
            // If a called module in its path is not on the stack, this module is called from elsewhere.
            let dots = path.match_indices('.').map(|(dot, _)| &path[..dot]);
            let mut between = dots.filter(|outer| is_within(outer, module));
            if !is_within(path, module) || between.any(|outer| self.called.contains(outer)) {
                break;
            }
            if !module.is_empty() && !self.modules.contains(module) {
                self.modules.insert(module.to_owned());
            }
            module = path;
        }
        module
    }

    /// Converts an argument; `None` if it is left out.
    fn argument(
        &self,
        input: &schema::NamedArgument,
        user: &str,
    ) -> Result<Option<Argument>, Problem> {
        use schema::Argument as Read;
        let tensor = |name: &schema::Name| self.tensor(&name.name, user);
        let size = |size: &SymInt| match size {
            SymInt::AsInt(number) => Ok(Size::Known(*number)),
            SymInt::AsName(name) => self.find(name, user, true).map(Size::Value),
        };
        let optional = |tensor: &OptionalTensor| match tensor {
            OptionalTensor::AsTensor(name) => self.tensor(&name.name, user).map(Some),
            OptionalTensor::AsNone(_) => Ok(None),
        };
        let known = |numbers: &[i64]| numbers.iter().map(|&n| Size::Known(n)).collect();
        if OF_MEMORY.contains(&input.name.as_str()) {
            return Ok(None);
        }
        Ok(Some(match &input.arg {
            Read::AsMemoryFormat(_) | Read::AsLayout(_) | Read::AsDevice(_) => return Ok(None),
            Read::AsNone(_) => Argument::None,
            Read::AsTensor(name) => Argument::Tensor(tensor(name)?),
            Read::AsTensors(names) => Argument::Tensors(
                names
                    .iter()
                    .map(|name| tensor(name).map(Some))
                    .collect::<Result<_, _>>()?,
            ),
            Read::AsOptionalTensors(tensors) => {
                Argument::Tensors(tensors.iter().map(optional).collect::<Result<_, _>>()?)
            }
            Read::AsOptionalTensor(tensor) => {
                optional(tensor)?.map_or(Argument::None, Argument::Tensor)
            }
            Read::AsInt(number) => Argument::Int(Size::Known(*number)),
            Read::AsInts(numbers) => Argument::Ints(known(numbers)),
            Read::AsSymInt(number) => Argument::Int(size(number)?),
            Read::AsSymInts(numbers) => {
                Argument::Ints(numbers.iter().map(size).collect::<Result<_, _>>()?)
            }
            Read::AsFloat(number) | Read::AsSymFloat(Symbol::AsFloat(number)) => {
                Argument::Float(*number)
            }
            Read::AsFloats(numbers) => Argument::Floats(numbers.clone()),
            Read::AsBool(condition) | Read::AsSymBool(Symbol::AsBool(condition)) => {
                Argument::Bool(*condition)
            }
            Read::AsBools(conditions) => Argument::Bools(conditions.clone()),
            Read::AsString(text) => Argument::Text(text.clone()),
            Read::AsScalarType(number) => match storage::scalar_type(*number) {
                Some(dtype) => Argument::Dtype(dtype),
                None => {
                    let part = format!("argument {}", quote(&input.name));
                    return Err(self.refuse(user, &part, "a type of complex or rare numbers"));
                }
            },
            other => {
                let part = format!("argument {}", quote(&input.name));
                return Err(self.refuse(user, &part, kind(other)));
            }
        }))
    }

    fn refuse(&self, user: &str, part: &str, kind: &str) -> Problem {
        Problem::Graph {
            part: format!("{part} of {user}"),
            found: kind.into(),
            expected: "tensors, numbers, conditions or words".into(),
        }
    }
}

/// Whether an operator is an assertion, which computes nothing.
fn is_assertion(operator: &str) -> bool {
    ["aten._assert_", "aten.sym_constrain_range"]
        .iter()
        .any(|start| operator.starts_with(start))
}

/// The names of a node's outputs if they are all truth values; `None` if it has others or none.
fn conditions(outputs: &[schema::Argument]) -> Option<Vec<&str>> {
    let condition = |output: &'_ schema::Argument| matches!(output, schema::Argument::AsSymBool(_));
    if outputs.is_empty() || !outputs.iter().all(condition) {
        return None;
    }
    let names = outputs.iter().filter_map(|output| match output {
        schema::Argument::AsSymBool(Symbol::AsName(name)) => Some(name.as_str()),
        _ => None,
    });
    Some(names.collect())
}

/// The paths of the modules of a stack (`Metadata::nn_module_stack`), the outermost first.
fn modules(stack: &str) -> impl Iterator<Item = &str> {
    stack.split(';').filter_map(|module| {
        // A slice of a module list is "blocks.slice(None, 2, None)": commas in brackets do not separate.
        let mut depth = 0;
        let mut parts = module.split(move |c| {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            c == ',' && depth == 0
        });
        let (key, path) = (parts.next()?, parts.next()?);
        // PyTorch's key for nodes that it adds itself.
        (!key.starts_with("_empty")).then_some(path)
    })
}

/// Says for a message what kind of argument it is that is not supported.
fn kind(argument: &schema::Argument) -> &'static str {
    use schema::Argument as Read;
    match argument {
        Read::AsStrings(_) => "a list of words",
        Read::AsSymBool(_) | Read::AsSymBools(_) => "a condition on the batch size",
        Read::AsSymFloat(_) | Read::AsSymFloats(_) => "a fraction of the batch size",
        Read::AsGraph(_) => "a graph",
        Read::AsCustomObj(_) => "an object",
        Read::AsOperator(_) => "an operator",
        Read::AsComplex(_) => "a complex number",
        Read::AsNestedTensors(_) | Read::AsIntLists(_) => "a list of lists",
        Read::AsStringToArgument(_) => "a table of arguments",
        _ => "something else",
    }
}
