//! Tests which layers are chosen by default (`mid1` to `final`) in small graphs that are made here: the ends of the
//! stages of one resolution.

use trainer::network::graph::program::{
    Argument, Dtype, Graph, GraphTensor, Meta, Node, Role, Size,
};

use super::defaults;

/// An operator without its overload, the path of the module that calls it, and the rows of its square output.
type Step = (&'static str, &'static str, i64);

/// The rows and columns of the images.
const IMAGE: i64 = 64;

/// A network of operators, each on the output of the one before, then a mean over pixels and a linear head. `outer`
/// are the modules that call others. Sizes need not fit the operators: nothing is computed.
fn chain(steps: &[Step], outer: &[&str]) -> Graph {
    let tensor = |size: Vec<Option<i64>>| Meta::Tensor {
        size,
        dtype: Dtype::Float32,
    };
    let map = |rows| tensor(vec![None, Some(4), Some(rows), Some(rows)]);
    let node = |name: &str, module: &str, arguments: Vec<(&str, Argument)>, output| Node {
        operator: format!("aten.{name}.default"),
        arguments: arguments
            .into_iter()
            .map(|(name, argument)| (name.to_owned(), argument))
            .collect(),
        outputs: vec![output],
        module: module.to_owned(),
        constant: false,
    };
    // The images and the head's weight.
    let mut values = vec![map(IMAGE), tensor(vec![Some(5), Some(4)])];
    let mut nodes = Vec::new();
    let mut last = 0;
    for (name, module, rows) in steps {
        let arguments = vec![("self", Argument::Tensor(last))];
        last = values.len();
        values.push(map(*rows));
        nodes.push(node(name, module, arguments, last));
    }
    let axes = Argument::Ints(vec![Size::Known(2), Size::Known(3)]);
    let arguments = vec![("self", Argument::Tensor(last)), ("dim", axes)];
    nodes.push(node("mean", "", arguments, last + 1));
    let arguments = vec![
        ("input", Argument::Tensor(last + 1)),
        ("weight", Argument::Tensor(1)),
    ];
    nodes.push(node("linear", "head", arguments, last + 2));
    values.extend([tensor(vec![None, Some(4)]), tensor(vec![None, Some(5)])]);
    let graph = Graph {
        input: 0,
        output: last + 2,
        values,
        tensors: vec![GraphTensor {
            name: "head.weight".into(),
            role: Role::Parameter,
            value: 1,
            persistent: true,
            aliases: Vec::new(),
        }],
        nodes,
        modules: outer.iter().map(|&module| module.to_owned()).collect(),
    };
    graph.validate().unwrap();
    graph
}

/// Asserts that the default layers are `expected`: (`mid1` … `final`, module).
#[track_caller]
fn assert_defaults(steps: &[Step], outer: &[&str], expected: &[(&str, &str)]) {
    let found = defaults(&chain(steps, outer));
    let found = found.iter().map(|(role, module)| (*role, module.as_str()));
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

#[test]
fn a_padded_map_is_neither_a_stage_nor_its_end() {
    assert_defaults(
        &[
            ("constant_pad_nd", "stem.pad", 67),
            ("conv2d", "stem", 32),
            ("constant_pad_nd", "a.conv.pad", 37),
            ("conv2d", "a.conv", 16),
            ("relu", "a.act", 16),
            ("constant_pad_nd", "b.conv.pad", 25),
            ("conv2d", "b.conv", 16),
            ("relu", "b.act", 16),
            // Paddings to the resolutions of earlier stages: 32 rows as `stem`, 16 rows as `b`.
            ("constant_pad_nd", "c.pad", 32),
            ("conv2d", "c.conv", 8),
            ("constant_pad_nd", "pad", 16),
        ],
        &["stem", "a", "a.conv", "b", "b.conv", "c"],
        &[("mid1", "stem"), ("mid2", "b"), ("final", "c")],
    );
}

#[test]
fn what_is_made_of_a_padded_map_place_by_place_is_padded() {
    assert_defaults(
        &[
            ("conv2d", "stem", 32),
            ("conv2d", "a", 8),
            ("pad", "pad", 16),
            ("batch_norm", "norm", 16),
            ("relu", "act", 16),
            ("conv2d", "b", 8),
        ],
        &[],
        &[("mid1", "stem"), ("final", "b")],
    );
}

#[test]
fn what_a_block_undoes_begins_no_stage() {
    let steps = [
        ("conv2d", "stem", 32),
        ("conv2d", "a.conv", 32),
        ("avg_pool2d", "a.pool", 16),
        ("conv2d", "a.inner.conv", 16),
        ("avg_pool2d", "a.inner.pool", 8),
        ("upsample_nearest2d", "a.up", 32),
        ("conv2d", "b.conv", 16),
        ("upsample_nearest2d", "c.up", 32),
        ("conv2d", "c.conv", 16),
    ];
    let expected = [("mid1", "a"), ("final", "c")];
    assert_defaults(&steps, &["a", "a.inner", "b", "c"], &expected);
    // Here `a` is a list of modules (not in `outer`), which is no block: its changes of resolution count.
    let expected = [
        ("mid1", "a.conv"),
        ("mid2", "a.inner"),
        ("mid3", "a.up"),
        ("final", "c"),
    ];
    let list = [
        ("conv2d", "stem", 32),
        ("conv2d", "a.conv", 32),
        ("conv2d", "a.inner.conv", 16),
        ("upsample_nearest2d", "a.up", 32),
        ("conv2d", "c.conv", 16),
    ];
    assert_defaults(&list, &["a.inner", "c"], &expected);
}

#[test]
fn a_coder_and_decoder_have_the_stages_of_both() {
    let steps = [
        ("conv2d", "down.0", 32),
        ("conv2d", "down.1", 16),
        ("conv2d", "down.2", 8),
        ("conv_transpose2d", "up.0", 16),
        ("conv_transpose2d", "up.1", 32),
    ];
    let expected = [
        ("mid1", "down.1"),
        ("mid2", "down"),
        ("mid3", "up.0"),
        ("final", "up"),
    ];
    assert_defaults(&steps, &["down", "up"], &expected);
}

#[test]
fn modules_that_are_called_again_hold_nothing_between_their_calls() {
    assert_defaults(
        &[
            ("conv2d", "conv1", 64),
            ("relu", "act.0", 64),
            ("max_pool2d", "pool", 32),
            ("conv2d", "block.conv", 32),
            ("relu", "act.0", 32),
            ("max_pool2d", "pool", 16),
            ("conv2d", "block.conv", 16),
            ("relu", "act.0", 16),
            ("max_pool2d", "pool", 8),
            ("conv2d", "last", 8),
            ("relu", "act.0", 8),
        ],
        &["act", "block"],
        &[
            ("mid1", "act"),
            ("mid2", "act@1"),
            ("mid3", "act@2"),
            ("final", "act@3"),
        ],
    );
}
