//! RFC 4571: datagrams over TCP, each after its length in two bytes, big-endian.

use bytes::{Buf, Bytes, BytesMut};

/// Longer frames cannot be WebRTC traffic: browsers stay below an Ethernet frame.
const MAX_FRAME: usize = 2000;

/// The other side does not speak RFC 4571, or not WebRTC over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {0} bytes is longer than any WebRTC datagram")]
pub(crate) struct FrameTooLong(usize);

/// Takes the next whole frame out of what has been read so far.
pub(crate) fn take_frame(read: &mut BytesMut) -> Result<Option<Bytes>, FrameTooLong> {
    let Some(&[high, low]) = read.first_chunk::<2>() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_FRAME {
        return Err(FrameTooLong(length));
    }
    if read.len() < 2 + length {
        return Ok(None);
    }
    read.advance(2);
    Ok(Some(read.split_to(length).freeze()))
}

/// A datagram as a frame; `None` if it is too long to be one.
pub(crate) fn frame(datagram: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(datagram.len()).ok()?;
    Some([&length.to_be_bytes(), datagram].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_tcp_cuts_them(
            datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..=MAX_FRAME), 0..6),
            cut in 1_usize..700,
        ) {
            let wire: Vec<u8> = datagrams.iter().flat_map(|d| frame(d).unwrap()).collect();
            let mut read = BytesMut::new();
            let mut out = Vec::new();
            for piece in wire.chunks(cut) {
                read.extend_from_slice(piece);
                while let Some(datagram) = take_frame(&mut read).unwrap() {
                    out.push(datagram.to_vec());
                }
            }
            prop_assert_eq!(out, datagrams);
            prop_assert!(read.is_empty());
        }

        #[test]
        fn garbage_is_refused_or_waits_for_more(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
            let mut read = BytesMut::from(&bytes[..]);
            while let Ok(Some(datagram)) = take_frame(&mut read) {
                prop_assert!(datagram.len() <= MAX_FRAME);
            }
        }
    }

    #[test]
    fn a_web_request_on_the_media_port_is_refused() {
        let mut read = BytesMut::from(&b"GET / HTTP/1.1\r\n"[..]);
        assert_eq!(take_frame(&mut read), Err(FrameTooLong(0x4745)));
    }
}
