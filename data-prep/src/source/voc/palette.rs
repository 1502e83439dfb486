//! VOC's palette of 256 colours, in which its segmentation images show indices of objects or classes.

/// Returns the colour (red, green, blue) of an index. Bit 3·k + c of the index, counted from the lowest, is bit 7 − k
/// of channel c.
pub(crate) fn colour(index: u8) -> [u8; 3] {
    let mut colour = [0; 3];
    for bit in 0..8 {
        for (c, channel) in colour.iter_mut().enumerate() {
            *channel |= ((u32::from(index) >> (3 * bit + c) & 1) as u8) << (7 - bit);
        }
    }
    colour
}

/// Returns the index of a colour; `None` for a colour that is not in the palette.
pub(super) fn index(colour: [u8; 3]) -> Option<u8> {
    let mut index = 0_u32;
    for bit in 0..8 {
        for (c, channel) in colour.iter().enumerate() {
            index |= (u32::from(*channel) >> (7 - bit) & 1) << (3 * bit + c);
        }
    }
    u8::try_from(index).ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn colours_are_those_of_vocs_palette() {
        for (index, colour) in [
            (0, [0, 0, 0]),
            (1, [128, 0, 0]),
            (12, [64, 0, 128]),
            (255, [224, 224, 192]),
        ] {
            assert_eq!(super::colour(index), colour);
        }
        for index in 0..=255 {
            assert_eq!(super::index(super::colour(index)), Some(index));
        }
        assert_eq!(super::index([1, 0, 0]), None);
    }
}
