//! A server that answers with the request it got.

use std::convert::Infallible;

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

/// What is shown of a body.
const BODY: usize = 64 * 1024;

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            // Out of descriptors, most likely; the next turn may have some.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        connections.spawn(async move {
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(socket), service_fn(answer));
            // How a connection ended is its client's business.
            let _ = served.await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let mut text = BytesMut::new();
    text.put(format!("{} {} {:?}\n", head.method, head.uri, head.version).as_bytes());
    for (name, value) in &head.headers {
        text.put(name.as_str().as_bytes());
        text.put_slice(b": ");
        text.put(value.as_bytes());
        text.put_u8(b'\n');
    }
    match Limited::new(body, BODY).collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            if !body.is_empty() {
                text.put_u8(b'\n');
                text.put(body);
            }
        }
        Err(_) => text.put_slice(b"\n(a body too long to show)\n"),
    }
    let mut response = Response::new(Full::new(text.freeze()));
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("text/plain"),
    );
    Ok(response)
}
