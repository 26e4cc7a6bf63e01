//! A response body whose data is shared bytes.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use tokio::sync::mpsc;
use tonic::Status;

/// What a stream's task hands to its connection.
#[derive(Debug)]
pub(super) enum Message {
    /// One gRPC message.
    Data(Vec<Bytes>),
    /// The end.
    End(Status),
}

/// The body of one stream.
#[derive(Debug)]
pub(super) struct StreamBody {
    messages: mpsc::Receiver<Message>,
    pieces: VecDeque<Bytes>,
    ended: bool,
}

impl StreamBody {
    pub(super) fn new(messages: mpsc::Receiver<Message>) -> Self {
        Self {
            messages,
            pieces: VecDeque::new(),
            ended: false,
        }
    }

    fn end(&mut self, status: &Status) -> Frame<Bytes> {
        self.ended = true;
        self.messages.close();
        let mut trailers = HeaderMap::new();
        // Fails only for a text that no header can hold, and tonic escapes those.
        if status.add_header(&mut trailers).is_err() {
            trailers.insert("grpc-status", http::HeaderValue::from_static("13"));
        }
        Frame::trailers(trailers)
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        loop {
            if let Some(piece) = this.pieces.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if this.ended {
                return Poll::Ready(None);
            }
            match ready!(this.messages.poll_recv(cx)) {
                Some(Message::Data(pieces)) => this.pieces = pieces.into(),
                Some(Message::End(status)) => return Poll::Ready(Some(Ok(this.end(&status)))),
                None => {
                    let status = Status::unavailable("the stream was abandoned");
                    return Poll::Ready(Some(Ok(this.end(&status))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.pieces.is_empty()
    }
}
