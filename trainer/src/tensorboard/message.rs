//! The protobuf messages of TensorFlow's `event.proto` and `summary.proto`, with the fields that we write and their
//! numbers there (`tag`). Fields of a `oneof` are options here: on the wire there is no difference.

use prost::Message;

/// A record of an event file.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    /// The epoch, from 1.
    #[prost(int64, tag = "2")]
    pub step: i64,
    /// The version of the file format; only the first record of a file has it.
    #[prost(string, optional, tag = "3")]
    pub file_version: Option<String>,
    /// Values.
    #[prost(message, optional, tag = "5")]
    pub summary: Option<Summary>,
    /// A start: what earlier files have of this step and later ones no longer counts.
    #[prost(message, optional, tag = "7")]
    pub session_log: Option<SessionLog>,
}

/// What a program did.
#[derive(Clone, PartialEq, Message)]
pub struct SessionLog {
    /// [`SessionLog::START`].
    #[prost(int32, tag = "1")]
    pub status: i32,
}

impl SessionLog {
    /// The program began.
    pub const START: i32 = 1;
}

/// The values of one step.
#[derive(Clone, PartialEq, Message)]
pub struct Summary {
    /// One for each tag.
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<Value>,
}

/// A value: a number, an image or a text.
#[derive(Clone, PartialEq, Message)]
pub struct Value {
    /// Its name; TensorBoard makes groups of the part before the first slash.
    #[prost(string, tag = "1")]
    pub tag: String,
    /// A number.
    #[prost(float, optional, tag = "2")]
    pub simple_value: Option<f32>,
    /// An image.
    #[prost(message, optional, tag = "4")]
    pub image: Option<Image>,
    /// A text.
    #[prost(message, optional, tag = "8")]
    pub tensor: Option<TextTensor>,
    /// Which part of TensorBoard shows it; a text needs it.
    #[prost(message, optional, tag = "9")]
    pub metadata: Option<Metadata>,
}

/// An image file.
#[derive(Clone, PartialEq, Message)]
pub struct Image {
    /// Pixels down.
    #[prost(int32, tag = "1")]
    pub height: i32,
    /// Pixels across.
    #[prost(int32, tag = "2")]
    pub width: i32,
    /// Channels: 3 for RGB.
    #[prost(int32, tag = "3")]
    pub colorspace: i32,
    /// The file's bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub encoded_image_string: Vec<u8>,
}

/// A `TensorProto` of texts.
#[derive(Clone, PartialEq, Message)]
pub struct TextTensor {
    /// [`TextTensor::STRING`].
    #[prost(int32, tag = "1")]
    pub dtype: i32,
    /// One dimension: the number of texts.
    #[prost(message, optional, tag = "2")]
    pub tensor_shape: Option<Shape>,
    /// The texts, in UTF-8.
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub string_val: Vec<Vec<u8>>,
}

impl TextTensor {
    /// The data type of texts, `DT_STRING`.
    pub const STRING: i32 = 7;
}

/// A tensor's shape.
#[derive(Clone, PartialEq, Message)]
pub struct Shape {
    /// Its dimensions.
    #[prost(message, repeated, tag = "2")]
    pub dim: Vec<Dimension>,
}

/// A dimension of a tensor.
#[derive(Clone, PartialEq, Message)]
pub struct Dimension {
    /// Elements along it.
    #[prost(int64, tag = "1")]
    pub size: i64,
}

/// How a value is shown.
#[derive(Clone, PartialEq, Message)]
pub struct Metadata {
    /// By which of TensorBoard's plugins.
    #[prost(message, optional, tag = "1")]
    pub plugin_data: Option<Plugin>,
}

/// One of TensorBoard's plugins.
#[derive(Clone, PartialEq, Message)]
pub struct Plugin {
    /// Its name, such as `text`.
    #[prost(string, tag = "1")]
    pub plugin_name: String,
}

impl Value {
    /// A number.
    pub fn number(tag: &str, number: f64) -> Value {
        Value {
            tag: tag.to_owned(),
            simple_value: Some(number as f32),
            ..Value::default()
        }
    }

    /// A PNG of `width` × `height` pixels in RGB.
    pub fn png(tag: String, (width, height): (usize, usize), png: Vec<u8>) -> Value {
        Value {
            tag,
            image: Some(Image {
                height: height as i32,
                width: width as i32,
                colorspace: 3,
                encoded_image_string: png,
            }),
            ..Value::default()
        }
    }

    /// A text, which TensorBoard shows as Markdown.
    pub fn text(tag: &str, text: String) -> Value {
        Value {
            tag: tag.to_owned(),
            tensor: Some(TextTensor {
                dtype: TextTensor::STRING,
                tensor_shape: Some(Shape {
                    dim: vec![Dimension { size: 1 }],
                }),
                string_val: vec![text.into_bytes()],
            }),
            metadata: Some(Metadata {
                plugin_data: Some(Plugin {
                    plugin_name: "text".to_owned(),
                }),
            }),
            ..Value::default()
        }
    }
}
