//! The examples that a model is run on: .npy, .npz, CSV, PNG, IDX and CIFAR-10 files.
use super::{Network, Port, Scale, Scaling};
use crate::tensors::{Bundle, npy::Any, npy::any, npz};
use crate::{Failure, Result, read as file};
use std::path::Path;

/// The most bytes of a file of examples.
const MOST: u64 = 64 << 30;

/// Examples as the core takes them: of each all inputs, one after the other in the order of the nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Examples {
    /// `[example][word]`: elements of f32, or four bytes each.
    pub inputs: Vec<f32>,
    /// How many there are.
    pub count: usize,
    /// The classes, where the file has them.
    pub labels: Option<Vec<u32>>,
}

/// Numbers of a file, or bytes of images.
enum Numbers {
    Floats {
        shape: Vec<usize>,
        data: Vec<f32>,
    },
    /// A row each example, of so many numbers.
    Rows {
        columns: usize,
        data: Vec<f32>,
    },
    /// `[example][row][column][channel]` if `last`, else `[example][channel][row][column]`.
    Bytes {
        shape: Vec<usize>,
        data: Vec<u8>,
        last: bool,
        labels: Option<Vec<u32>>,
    },
}

/// Reads the examples of all inputs. Each word is a file, or `NAME=FILE` for a network with several inputs. Inputs of int8 take integers or, `real`,
/// numbers that are quantised; images always are.
///
/// # Errors
/// Wrong use: an input without a file, or a name that no input has. A file that cannot be read; elements that are not whole examples of the input's
/// shape; NaN and infinity, with their place.
pub fn read(network: &Network, words: &[String], scaling: &Scaling, real: bool) -> Result<Examples> {
    let ports = &network.inputs;
    let names = || ports.iter().map(|port| crate::text::visible(&port.name)).collect::<Vec<_>>().join(", ");
    let mut files: Vec<Option<&str>> = vec![None; ports.len()];
    for word in words {
        let (at, path) = match word.split_once('=') {
            Some((name, path)) if ports.iter().any(|port| port.name == name) => {
                (ports.iter().position(|port| port.name == name).unwrap_or(0), path)
            }
            _ if ports.len() == 1 => (0, word.as_str()),
            _ => {
                return Err(Failure::usage(format!(
                    "--input {word}: write NAME=FILE for each input; the model has {}",
                    names()
                )));
            }
        };
        if files[at].replace(path).is_some() {
            return Err(Failure::usage(format!("--input {word}: this input has a file already")));
        }
    }
    let mut parts = Vec::new();
    let mut labels = None;
    for (port, path) in ports.iter().zip(files) {
        let path = path.ok_or_else(|| {
            Failure::usage(format!("input {} has no file: give --input NAME=FILE", crate::text::visible(&port.name)))
        })?;
        let path = Path::new(path);
        let named = |error: Failure| Failure { message: format!("{}: {error}", path.display()), ..error };
        let numbers = numbers(path, &port.name)?;
        let quantise = real || matches!(numbers, Numbers::Bytes { .. });
        let (data, own) = of_port(numbers, port, scaling).map_err(named)?;
        if let Some(at) = data.iter().position(|x| !x.is_finite()) {
            let (example, unit) = (at / port.elements().max(1) + 1, at % port.elements().max(1));
            return Err(named(Failure::failed(format!("example {example} has {} at element {unit}", data[at]))));
        }
        labels = labels.or(own);
        let data = match port.int8 {
            Some(scale) => packed(&data, port.elements(), scale, quantise).map_err(named)?,
            None => data,
        };
        parts.push((port.words().max(1), data));
    }
    let count = parts.first().map_or(0, |(len, data)| data.len() / len);
    if let Some((len, data)) = parts.iter().find(|(len, data)| data.len() / len != count) {
        return Err(Failure::failed(format!(
            "the first input has {count} examples, and another {}: give as many of each",
            data.len() / len
        )));
    }
    let mut inputs = Vec::new();
    for example in 0..count {
        for (len, data) in &parts {
            inputs.extend_from_slice(&data[example * len..(example + 1) * len]);
        }
    }
    Ok(Examples { inputs, count, labels })
}

/// Examples of so many bytes as words.
fn packed(data: &[f32], elements: usize, scale: Scale, quantise: bool) -> Result<Vec<f32>> {
    let byte = |(at, &x): (usize, &f32)| {
        if quantise {
            return Ok(scale.byte(x));
        }
        let exact = x as i8;
        if f32::from(exact) == x {
            return Ok(exact);
        }
        let (example, unit) = (at / elements.max(1) + 1, at % elements.max(1));
        Err(Failure::failed(format!(
            "example {example} has {x} at element {unit}; the input is of int8: give integers from -128 to 127, or --real for numbers that \
             are to be quantised (scale {}, zero point {})",
            scale.scale, scale.zero
        )))
    };
    let bytes = data.iter().enumerate().map(byte).collect::<Result<Vec<i8>>>()?;
    Ok(bytes.chunks(elements.max(1)).flat_map(words).collect())
}

/// Bytes as the core has them: four a word, the last one filled up with zeros.
fn words(bytes: &[i8]) -> impl Iterator<Item = f32> {
    bytes.chunks(4).map(|bytes| {
        let mut word = [0; 4];
        word.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte.cast_unsigned());
        f32::from_bits(u32::from_le_bytes(word))
    })
}

/// Numbers as whole examples of an input.
fn of_port(numbers: Numbers, port: &Port, scaling: &Scaling) -> Result<(Vec<f32>, Option<Vec<u32>>)> {
    let expected = &port.shape[..];
    match numbers {
        Numbers::Floats { shape, data } => {
            let whole = shape.strip_prefix(&[shape.first().copied().unwrap_or(1)][..]);
            let ones = |dims: &[usize]| dims.iter().copied().filter(|n| *n != 1).collect::<Vec<_>>();
            let fits = shape == expected || whole == Some(expected) || whole.is_some_and(|w| ones(w) == ones(expected));
            if !fits {
                return Err(Failure::failed(format!(
                    "the array is {shape:?}; expected {expected:?} for one example, or [N, ..] in front of it for N"
                )));
            }
            Ok((data, None))
        }
        Numbers::Rows { columns, data } => match columns == port.elements() {
            true => Ok((data, None)),
            false => Err(Failure::failed(format!(
                "each line has {columns} numbers; expected {} for one example of {expected:?}",
                port.elements()
            ))),
        },
        Numbers::Bytes { shape, data, last, labels } => {
            let [_, a, b, c] = shape[..] else {
                return Err(Failure::failed(format!("the images are {shape:?}: four axes are needed")));
            };
            let (channels, rows, columns) = if last { (c, a, b) } else { (a, b, c) };
            let ones = |dims: &[usize]| dims.iter().copied().filter(|n| *n != 1).collect::<Vec<_>>();
            let fits = |dims: [usize; 3]| ones(&dims) == ones(expected);
            // The layout of the model: channels first, as PyTorch has it, or last, as TensorFlow; or all in one vector.
            let to_last = fits([rows, columns, channels]) && !fits([channels, rows, columns]);
            let flat = ones(expected) == ones(&[channels * rows * columns]);
            if !to_last && !flat && !fits([channels, rows, columns]) {
                return Err(Failure::failed(format!(
                    "the images have {channels} channels of {rows} x {columns}; the input is {expected:?}"
                )));
            }
            scaling.check(channels)?;
            let mut all = Vec::with_capacity(data.len());
            for image in data.chunks_exact((channels * rows * columns).max(1)) {
                for unit in 0..image.len() {
                    // The place of this unit of the model's layout.
                    let (channel, row, column) = if to_last {
                        (unit % channels, unit / channels / columns, unit / channels % columns)
                    } else {
                        (unit / (rows * columns), unit / columns % rows, unit % columns)
                    };
                    let at = match last {
                        true => (row * columns + column) * channels + channel,
                        false => (channel * rows + row) * columns + column,
                    };
                    all.push(scaling.of(image[at], channel));
                }
            }
            Ok((all, labels))
        }
    }
}

fn numbers(path: &Path, name: &str) -> Result<Numbers> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let stem = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let bytes = || file::bytes(path, "cannot read the examples", MOST);
    let failed = |why: String| Failure::failed(format!("{}: {why}", path.display()));
    match extension.as_str() {
        "npy" => array(any(&bytes()?).map_err(failed)?).map_err(failed),
        "npz" => array(any(&npz::array(&bytes()?, name)?).map_err(failed)?).map_err(failed),
        "safetensors" => {
            let bundle = Bundle::read(path)?;
            let tensor = match bundle.find(name)? {
                Some(tensor) => tensor,
                None if bundle.tensors.len() == 1 => {
                    bundle.tensors.values().next().ok_or_else(|| failed(String::new()))?
                }
                None => {
                    let all: Vec<&str> = bundle.tensors.keys().map(String::as_str).collect();
                    let (name, all) = (crate::text::visible(name), crate::text::line(&all.join(", ")));
                    return Err(failed(format!("it has no array {name}; it has {all}")));
                }
            };
            Ok(Numbers::Floats { shape: tensor.shape.clone(), data: tensor.data.clone() })
        }
        "csv" => csv_rows(&bytes()?).map_err(failed),
        "png" => image(&bytes()?).map_err(failed),
        _ if extension == "bin" || stem.contains("idx") => {
            let (image, examples) = crate::data::images(path)?;
            let units = [image.channels, image.height, image.width].map(|n| n as usize);
            let shape = [&[examples.pixels.len() / units.iter().product::<usize>().max(1)], &units[..]].concat();
            let labels = examples.labels.iter().map(|&label| u32::from(label)).collect::<Vec<_>>();
            let labels = Some(labels).filter(|labels| !labels.is_empty());
            Ok(Numbers::Bytes { shape, data: examples.pixels, last: false, labels })
        }
        _ => Err(Failure::usage(format!(
            "--input {}: examples are read from .npy, .npz, .csv, .png, IDX (-idx3-ubyte, also .gz) and CIFAR-10 (.bin) files",
            path.display()
        ))),
    }
}

fn array(array: Any) -> std::result::Result<Numbers, String> {
    match array {
        Any::Floats(tensor) => Ok(Numbers::Floats { shape: tensor.shape, data: tensor.data }),
        Any::Integers { shape, data, bytes } if bytes && (3..=4).contains(&shape.len()) => {
            let shape = if shape.len() == 3 { [&[1], &shape[..]].concat() } else { shape };
            // Images of 1, 3 or 4 channels; where both ends could be, channels are last as image libraries have them.
            let last = [1, 3, 4].contains(&shape[3]);
            Ok(Numbers::Bytes { data: data.iter().map(|&x| x as u8).collect(), shape, last, labels: None })
        }
        Any::Integers { shape, data, .. } => {
            let data = data.iter().map(|&x| x as f32).collect();
            Ok(Numbers::Floats { shape, data })
        }
    }
}

/// A line each example, numbers separated by commas; a first line of names is left out.
fn csv_rows(bytes: &[u8]) -> std::result::Result<Numbers, String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(bytes);
    let (mut data, mut columns) = (Vec::new(), None);
    for (line, record) in (1..).zip(reader.records()) {
        let record = record.map_err(|error| format!("line {line}: {}", error.to_string().replace('\n', " ")))?;
        let numbers: Option<Vec<f32>> = record.iter().map(|field| field.parse().ok()).collect();
        match numbers {
            Some(numbers) => {
                columns = columns.or(Some(numbers.len()));
                data.extend(numbers);
            }
            None if line == 1 => {}
            None => return Err(format!("line {line} has a field that is no number")),
        }
    }
    let columns = columns.ok_or("it has no numbers")?;
    Ok(Numbers::Rows { columns, data })
}

/// A grey, RGB or RGBA image of 8 bits a channel; transparency is left out.
fn image(bytes: &[u8]) -> std::result::Result<Numbers, String> {
    let wrong = |error: png::DecodingError| format!("it is no PNG image, or a damaged one: {error}");
    let mut decoder = png::Decoder::new_with_limits(std::io::Cursor::new(bytes), png::Limits { bytes: 1 << 30 });
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(wrong)?;
    let size = reader.output_buffer_size().ok_or("it is too large")?;
    let mut data = vec![0; size];
    let info = reader.next_frame(&mut data).map_err(wrong)?;
    data.truncate(info.buffer_size());
    let (channels, kept) = match info.color_type {
        png::ColorType::Grayscale => (1, 1),
        png::ColorType::GrayscaleAlpha => (2, 1),
        png::ColorType::Rgb => (3, 3),
        png::ColorType::Rgba => (4, 3),
        png::ColorType::Indexed => return Err("its colours are indexed".to_owned()),
    };
    let data: Vec<u8> = data.chunks_exact(channels).flat_map(|pixel| pixel[..kept].to_vec()).collect();
    let shape = vec![1, info.height as usize, info.width as usize, kept];
    Ok(Numbers::Bytes { shape, data, last: true, labels: None })
}
