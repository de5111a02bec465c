use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{any, method, path},
};

use super::*;
use crate::Limits;

const QUICK: Limits = Limits { deadline: Duration::from_millis(300), max_body: 1000 };
/// For servers that end the exchange themselves: the deadline must not.
const PATIENT: Limits = Limits { deadline: Duration::from_secs(20), max_body: 1000 };

async fn send(request: Request) -> Result<Response, HttpError> {
    RealHttp::new(RealHttpOptions::default()).unwrap().send(request).await
}

async fn ask(server: &str, limits: Limits) -> Result<Response, HttpError> {
    send(Request::get(Url::parse(server).unwrap(), limits)).await
}

async fn server_with(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// A server that treats each connection, once it has sent something, so.
async fn rude<F>(treat: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> (String, Arc<AtomicUsize>)
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = connection.read(&mut [0; 4096]).await;
            tokio::spawn(treat(connection));
        }
    });
    (format!("http://{address}/"), accepted)
}

/// Writes the head, and then the same again and again until nobody reads.
async fn pour(mut to: TcpStream, head: &str, again: &[u8], every: Duration) -> std::io::Result<()> {
    to.write_all(head.as_bytes()).await?;
    loop {
        to.write_all(again).await?;
        tokio::time::sleep(every).await;
    }
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const DRIP: Duration = Duration::from_millis(10);

#[tokio::test]
async fn a_silent_server_is_left_at_the_deadline() {
    let (server, _) = rude(|connection| async move {
        std::future::pending::<()>().await;
        drop(connection);
        Ok(())
    })
    .await;
    assert!(matches!(ask(&server, QUICK).await, Err(HttpError::TimedOut { .. })));
}

#[tokio::test]
async fn a_head_and_a_body_that_drip_for_ever_are_left_at_the_deadline() {
    let began = Instant::now();
    let (body, _) = rude(|to| pour(to, CHUNKED, b"1\r\nx\r\n", DRIP)).await;
    let (head, _) = rude(|to| pour(to, "HTTP/1.1 200 OK\r\nx: ", b"x", DRIP)).await;
    for server in [body, head] {
        assert!(matches!(ask(&server, QUICK).await, Err(HttpError::TimedOut { .. })));
    }
    assert!(began.elapsed() < 4 * QUICK.deadline);
}

#[tokio::test]
async fn a_reset_connection_is_told_at_once() {
    let (server, _) = rude(|connection| async move { connection.set_zero_linger() }).await;
    assert!(matches!(ask(&server, PATIENT).await, Err(HttpError::Unreachable { .. })));
    let (half, _) =
        rude(
            |mut to| async move { to.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await },
        )
        .await;
    assert!(matches!(ask(&half, PATIENT).await, Err(HttpError::Unreachable { .. })));
}

#[tokio::test]
async fn a_flood_is_cut_off() {
    let announced = server_with(ResponseTemplate::new(200).set_body_bytes(vec![0; 1001])).await;
    let (endless, _) = rude(|to| pour(to, CHUNKED, b"8\r\nxxxxxxxx\r\n", Duration::ZERO)).await;
    for server in [announced.uri(), endless] {
        assert!(matches!(ask(&server, PATIENT).await, Err(HttpError::TooLarge { limit: 1000, .. })));
    }
    let all = server_with(ResponseTemplate::new(200).set_body_bytes(vec![0; 1000])).await;
    assert_eq!(ask(&all.uri(), PATIENT).await.unwrap().body.len(), 1000);
}

#[tokio::test]
async fn a_flood_of_headers_is_cut_off() {
    let (many, _) = rude(|to| async {
        let lines = b"x: y\r\n".repeat(200);
        pour(to, "HTTP/1.1 200 OK\r\n", &lines, Duration::ZERO).await
    })
    .await;
    let (long, _) = rude(|to| pour(to, "HTTP/1.1 200 OK\r\nx: ", &[b'y'; 16384], Duration::ZERO)).await;
    for server in [many, long] {
        let outcome = ask(&server, PATIENT).await;
        assert!(matches!(outcome, Err(HttpError::Unreachable { .. })), "{outcome:?}");
    }
}

#[tokio::test]
async fn nothing_is_decompressed() {
    // So no small answer can become a large one behind the limit's back.
    let squeezed =
        ResponseTemplate::new(200).insert_header("content-encoding", "gzip").set_body_bytes(*b"\x1f\x8b");
    let server = server_with(squeezed).await;
    assert_eq!(ask(&server.uri(), QUICK).await.unwrap().body.as_ref(), b"\x1f\x8b");
    let asked = &server.received_requests().await.unwrap()[0];
    assert!(!asked.headers.contains_key(header::ACCEPT_ENCODING));
}

#[tokio::test]
async fn no_cookie_and_no_referer_is_ever_sent() {
    let server = MockServer::start().await;
    let redirect =
        ResponseTemplate::new(302).insert_header("location", "/new").insert_header("set-cookie", "a=b");
    Mock::given(path("/old")).respond_with(redirect).mount(&server).await;
    let answer = ResponseTemplate::new(200).insert_header("set-cookie", "c=d");
    Mock::given(path("/new")).respond_with(answer).mount(&server).await;
    let http = RealHttp::new(RealHttpOptions::default()).unwrap();
    for _ in 0..2 {
        let url = Url::parse(&server.uri()).unwrap().join("/old").unwrap();
        assert_eq!(http.send(Request::get(url, QUICK)).await.unwrap().status, StatusCode::OK);
    }
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 4);
    for request in requests {
        assert!(
            !request.headers.contains_key(header::COOKIE) && !request.headers.contains_key(header::REFERER)
        );
    }
}

#[tokio::test]
async fn a_redirect_to_another_origin_is_never_followed() {
    let elsewhere = server_with(ResponseTemplate::new(200)).await;
    for status in [301, 302, 303, 307, 308] {
        for to in [
            elsewhere.uri(),
            elsewhere.uri().replace("http:", ""),
            "javascript:alert(1)".into(),
            "http://".into(),
        ] {
            let server =
                server_with(ResponseTemplate::new(status).insert_header("location", to.as_str())).await;
            let url = Url::parse(&server.uri()).unwrap();
            for request in
                [Request::get(url.clone(), QUICK), Request::post_form(url, &[("code", "secret")], QUICK)]
            {
                assert!(matches!(send(request).await, Err(HttpError::Redirected { .. })), "{status} to {to}");
            }
        }
    }
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn within_the_origin_get_is_followed_and_post_is_not() {
    let server = server_with(ResponseTemplate::new(200).set_body_string("here")).await;
    for status in [301, 302, 303, 307, 308] {
        let at = format!("/{status}");
        let redirect = ResponseTemplate::new(status).insert_header("location", "/new");
        Mock::given(path(&at)).respond_with(redirect).with_priority(1).mount(&server).await;
        let url = Url::parse(&server.uri()).unwrap().join(&at).unwrap();
        assert_eq!(send(Request::get(url.clone(), QUICK)).await.unwrap().body, "here");
        let post = send(Request::post_form(url, &[("code", "secret")], QUICK)).await;
        assert!(matches!(post, Err(HttpError::Redirected { .. })), "{status}");
    }
    let posts =
        server.received_requests().await.unwrap().into_iter().filter(|request| request.method == "POST");
    assert!(posts.into_iter().all(|request| request.url.path() != "/new"));
}

#[tokio::test]
async fn redirects_in_a_circle_and_to_user_info_end() {
    let server = server_with(ResponseTemplate::new(302).insert_header("location", "/")).await;
    assert!(matches!(ask(&server.uri(), QUICK).await, Err(HttpError::Redirected { .. })));
    assert_eq!(server.received_requests().await.unwrap().len(), 1 + MAX_REDIRECTS);

    let server = MockServer::start().await;
    let with_user_info = server.uri().replace("http://", "http://user:secret@");
    let answer = ResponseTemplate::new(302).insert_header("location", with_user_info.as_str());
    Mock::given(method("GET")).respond_with(answer).mount(&server).await;
    assert!(matches!(ask(&server.uri(), QUICK).await, Err(HttpError::Forbidden { .. })));
}

#[tokio::test]
async fn forbidden_addresses_are_never_asked() {
    for forbidden in [
        "http://ehr.example.org/",
        "ftp://ehr.example.org/",
        "https://a:b@ehr.example.org/",
        "https://10.0.0.1/",
        "https://[fd00::1]/",
        "https://169.254.169.254/latest/meta-data/",
    ] {
        assert!(matches!(ask(forbidden, QUICK).await, Err(HttpError::Forbidden { .. })), "{forbidden}");
    }
}

/// A client whose names all lead there, asking `https://{host}` at a
/// server's port; answers the outcome and whether anybody knocked.
async fn ask_by_name(host: &str, leads_to: &'static str, private: &[&str]) -> (HttpError, bool) {
    let (server, accepted) = rude(|_| async { Ok(()) }).await;
    let port = Url::parse(&server).unwrap().port().unwrap();
    let options = RealHttpOptions {
        private_hosts: private.iter().map(ToString::to_string).collect(),
        ..RealHttpOptions::default()
    };
    let lookup: Lookup = Arc::new(move |_| {
        Box::pin(async move { Ok(vec![SocketAddr::new(leads_to.parse().expect("an address"), 0)]) })
    });
    let http = RealHttp::with_lookup(options, lookup).unwrap();
    let url = Url::parse(&format!("https://{host}:{port}/")).unwrap();
    let error = http.send(Request::get(url, PATIENT)).await.unwrap_err();
    (error, accepted.load(Ordering::SeqCst) > 0)
}

#[tokio::test]
async fn a_public_name_that_leads_inside_is_refused_unless_configured() {
    for inside in ["127.0.0.1", "10.0.0.1", "::1", "fd00::1", "100.64.0.1", "169.254.169.254"] {
        let (error, knocked) = ask_by_name("ehr.example.org", inside, &["other.example.org"]).await;
        assert!(matches!(error, HttpError::Forbidden { .. }), "{inside}: {error:?}");
        assert!(!knocked);
    }
    for allowed in ["ehr.example.org", "127.0.0.0/8"] {
        // The server speaks no TLS, but it was asked.
        let (error, knocked) = ask_by_name("ehr.example.org", "127.0.0.1", &[allowed]).await;
        assert!(matches!(error, HttpError::Unreachable { .. }), "{allowed}: {error:?}");
        assert!(knocked);
    }
}

#[tokio::test]
async fn a_name_is_judged_at_each_connection() {
    let answers = Arc::new(AtomicUsize::new(0));
    let rebinding: Lookup = Arc::new(move |_| {
        let first = answers.fetch_add(1, Ordering::SeqCst) == 0;
        let address = if first { [8, 8, 8, 8] } else { [127, 0, 0, 1] };
        Box::pin(async move { Ok(vec![SocketAddr::from((address, 0))]) })
    });
    let rules = Arc::new(AddressRules::new(Vec::new()).unwrap());
    let resolver = CheckedResolver { rules, lookup: rebinding };
    let resolve = || reqwest::dns::Resolve::resolve(&resolver, "ehr.example.org".parse().unwrap());
    assert!(resolve().await.is_ok());
    assert!(resolve().await.is_err_and(|error| error.is::<Refused>()));
}

#[tokio::test]
async fn errors_tell_no_path() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = ask(&format!("http://{address}/Patient/canary?name=canary"), QUICK).await.unwrap_err();
    let mut causes = iter::successors(Some(&error as &dyn Error), |&cause| cause.source());
    assert!(causes.all(|cause| !format!("{cause} {cause:?}").contains("canary")));
}

#[test]
fn a_wrong_private_host_is_told() {
    let options = RealHttpOptions { private_hosts: vec!["10.0.0.5/8".into()], ..RealHttpOptions::default() };
    let error = RealHttp::new(options).err().unwrap();
    assert_eq!(
        error.to_string(),
        r#""10.0.0.5/8" is neither a host name, nor an address, nor a network like 10.1.0.0/16"#
    );
}

#[test]
fn a_trusted_ca_file_without_certificates_is_told() {
    for file in [&b""[..], b"\x30\x82 DER, as some certificate authorities send it"] {
        let options = RealHttpOptions { trusted_ca_pem: vec![file.to_vec()], ..RealHttpOptions::default() };
        assert!(matches!(RealHttp::new(options), Err(RealHttpError::NoTrustedCa)));
    }
}
