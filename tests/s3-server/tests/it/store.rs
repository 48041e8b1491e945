//! What the store keeps, and what it refuses.

use crate::client::Client;
use lakeseed_test_s3::{Kind, Server, Settings};
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path;
use object_store::{Error, GetRange, ObjectStore as _, ObjectStoreExt as _};

const MIN_PART_BYTES: usize = 5 << 20;

fn start() -> (Server, Client) {
    let server = Server::start(Settings::default());
    let client = Client::of(&server);
    (server, client)
}

/// The content of the first element of this name.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

#[test]
fn objects_are_put_read_listed_and_deleted() {
    let (server, client) = start();
    client.put("a/b=1/one", b"0123456789").unwrap();
    client.put("a/two", b"2").unwrap();
    client.put("c", b"").unwrap();

    assert_eq!(client.get("a/b=1/one").unwrap(), b"0123456789");
    assert_eq!(
        client
            .get_range("a/b=1/one", GetRange::Bounded(2..5))
            .unwrap(),
        b"234"
    );
    assert_eq!(
        client.get_range("a/b=1/one", GetRange::Suffix(3)).unwrap(),
        b"789"
    );
    assert_eq!(
        client
            .run(client.store.head(&Path::from("a/b=1/one")))
            .unwrap()
            .size,
        10
    );
    assert_eq!(
        client.list("a").unwrap(),
        [("a/b=1/one".to_owned(), 10), ("a/two".to_owned(), 1)]
    );

    let level = client
        .run(client.store.list_with_delimiter(Some(&Path::from("a"))))
        .unwrap();
    assert_eq!(level.common_prefixes, [Path::from("a/b=1")]);
    assert_eq!(level.objects.len(), 1);

    let keys: Vec<_> = server
        .objects()
        .into_iter()
        .map(|object| (object.key, object.bytes))
        .collect();
    assert_eq!(
        keys,
        [
            ("a/b=1/one".into(), 10),
            ("a/two".into(), 1),
            ("c".into(), 0)
        ]
    );
    assert_eq!(
        std::fs::read(server.bucket_path().join("a/two")).unwrap(),
        b"2"
    );

    client
        .run(client.store.delete(&Path::from("a/two")))
        .unwrap();
    assert!(matches!(client.get("a/two"), Err(Error::NotFound { .. })));
    let first = &server.requests()[0];
    assert_eq!((first.kind, first.status), (Kind::PutObject, Some(200)));
    assert_eq!((first.bucket(), first.key()), ("lake", "a/b=1/one"));
    assert_eq!(first.header("authorization"), None);
}

#[test]
fn a_listing_comes_in_pages() {
    let (_server, client) = start();
    for number in 0..5 {
        client.put(&format!("p/{number}"), b"x").unwrap();
    }
    let (_, first) = client.send("GET", "/lake?list-type=2&prefix=p%2F&max-keys=2", b"");
    assert_eq!(element(&first, "IsTruncated"), Some("true"));
    assert_eq!(first.matches("<Contents>").count(), 2);
    let token = element(&first, "NextContinuationToken")
        .unwrap()
        .replace('/', "%2F");
    let next = format!("/lake?list-type=2&prefix=p%2F&continuation-token={token}");
    let (_, rest) = client.send("GET", &next, b"");
    assert_eq!(element(&rest, "IsTruncated"), Some("false"));
    assert_eq!(rest.matches("<Contents>").count(), 3);
}

#[test]
fn many_objects_are_deleted_in_one_request() {
    let (server, client) = start();
    for key in ["x", "y", "z"] {
        client.put(key, b"1").unwrap();
    }
    let body = b"<Delete><Object><Key>x</Key></Object><Object><Key>z</Key></Object>\
        <Object><Key>never</Key></Object></Delete>";
    let (status, answer) = client.send("POST", "/lake?delete", body);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(server.count(Kind::Delete), 1);
    assert_eq!(client.list("").unwrap(), [("y".to_owned(), 1)]);
}

#[test]
fn folders_are_not_objects_and_buckets_are_not_made_by_writing() {
    let (server, client) = start();
    client.put("a/b", b"1").unwrap();
    assert!(matches!(client.get("a"), Err(Error::NotFound { .. })));
    assert!(matches!(
        client.run(client.store.head(&Path::from("a"))),
        Err(Error::NotFound { .. })
    ));
    client.run(client.store.delete(&Path::from("a"))).unwrap();
    assert_eq!(client.get("a/b").unwrap(), b"1");

    let (status, answer) = client.send("PUT", "/other/key", b"1");
    assert_eq!(
        (status, element(&answer, "Code")),
        (404, Some("NoSuchBucket"))
    );
    let (status, _) = client.send("POST", "/other/key?uploads", b"");
    assert_eq!(status, 404);
    assert_eq!(server.objects().len(), 1);
}

/// Writes one key from eight threads at once and says which of them won.
pub(crate) fn race(key: &str, client: impl Fn() -> Client) -> Vec<u8> {
    let clients: Vec<Client> = (0..8).map(|_| client()).collect();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0_u8..)
            .zip(clients)
            .map(|(writer, client)| {
                scope.spawn(move || match client.put_new(key, &[writer; 3000]) {
                    Ok(()) => Some(writer),
                    Err(Error::AlreadyExists { .. }) => None,
                    Err(error) => panic!("writer {writer}: {error}"),
                })
            })
            .collect();
        writers
            .into_iter()
            .filter_map(|writer| writer.join().unwrap())
            .collect()
    })
}

#[test]
fn one_of_eight_conditional_writers_wins() {
    for _ in 0..10 {
        let (server, client) = start();
        let won = race("manifest", || Client::of(&server));
        assert_eq!(won.len(), 1, "{won:?} won");
        assert_eq!(client.get("manifest").unwrap(), [won[0]; 3000]);
        let refused = server
            .requests()
            .iter()
            .filter(|r| r.status == Some(412))
            .count();
        assert_eq!(refused, 7);
    }
}

#[test]
fn a_multipart_upload_is_published_by_its_completion() {
    let (server, client) = start();
    let key = Path::from("big");
    let first = vec![b'a'; MIN_PART_BYTES];
    let id = client.run(client.store.create_multipart(&key)).unwrap();
    let parts = client.run(async {
        let one = client
            .store
            .put_part(&key, &id, 0, first.clone().into())
            .await
            .unwrap();
        let two = client
            .store
            .put_part(&key, &id, 1, "end".into())
            .await
            .unwrap();
        vec![one, two]
    });
    assert_eq!(server.objects(), []);
    let open = server.uploads();
    assert_eq!(open.len(), 1);
    assert_eq!(
        (open[0].key.as_str(), &open[0].id, open[0].parts.len()),
        ("big", &id, 2)
    );

    client
        .run(client.store.complete_multipart(&key, &id, parts.clone()))
        .unwrap();
    assert_eq!(server.uploads(), []);
    assert_eq!(server.objects()[0].bytes, MIN_PART_BYTES as u64 + 3);
    let kinds: Vec<Kind> = server
        .requests()
        .iter()
        .map(|request| request.kind)
        .collect();
    let expected = [
        Kind::CreateMultipart,
        Kind::UploadPart,
        Kind::UploadPart,
        Kind::Complete,
    ];
    assert_eq!(kinds, expected);

    let again = client
        .run(client.store.complete_multipart(&key, &id, parts))
        .unwrap_err();
    assert!(again.to_string().contains("NoSuchUpload"), "{again}");
}

#[test]
fn a_refused_completion_leaves_the_upload_open() {
    let (server, client) = start();
    let key = Path::from("big");
    let id = client.run(client.store.create_multipart(&key)).unwrap();
    let parts = client.run(async {
        let one = client
            .store
            .put_part(&key, &id, 0, "too small".into())
            .await
            .unwrap();
        let two = client
            .store
            .put_part(&key, &id, 1, "end".into())
            .await
            .unwrap();
        vec![one, two]
    });
    let wrong = vec![
        parts[0].clone(),
        PartId {
            content_id: "\"0123\"".to_owned(),
        },
    ];
    let completions = [("EntityTooSmall", parts.clone()), ("InvalidPart", wrong)];
    for (code, parts) in completions {
        let error = client
            .run(client.store.complete_multipart(&key, &id, parts))
            .unwrap_err();
        assert!(error.to_string().contains(code), "{error}");
    }
    assert_eq!(server.uploads().len(), 1);
    assert_eq!(server.objects(), []);
    client
        .run(
            client
                .store
                .complete_multipart(&key, &id, vec![parts[0].clone()]),
        )
        .unwrap();
    assert_eq!(client.get("big").unwrap(), b"too small");
}

#[test]
fn open_uploads_are_listed_by_prefix_and_in_pages() {
    let (server, client) = start();
    let mut ids = Vec::new();
    for key in ["run/a", "run/b", "run/b", "other/c"] {
        ids.push(
            client
                .run(client.store.create_multipart(&Path::from(key)))
                .unwrap(),
        );
    }
    let (status, all) = client.send("GET", "/lake?uploads&prefix=run%2F", b"");
    assert_eq!(status, 200);
    assert_eq!(all.matches("<Upload>").count(), 3);
    assert!(ids[..3].iter().all(|id| all.contains(id.as_str())) && !all.contains(&ids[3]));
    assert_eq!(server.count(Kind::ListUploads), 1);

    let mut seen = Vec::new();
    let mut markers = String::new();
    loop {
        let target = format!("/lake?uploads&max-uploads=1{markers}");
        let (_, page) = client.send("GET", &target, b"");
        seen.push(element(&page, "UploadId").unwrap().to_owned());
        if element(&page, "IsTruncated") == Some("false") {
            break;
        }
        let key = element(&page, "NextKeyMarker").unwrap().replace('/', "%2F");
        let id = element(&page, "NextUploadIdMarker").unwrap();
        markers = format!("&key-marker={key}&upload-id-marker={id}");
    }
    seen.sort();
    let mut expected = ids.clone();
    expected.sort();
    assert_eq!(seen, expected);

    client
        .run(client.store.abort_multipart(&Path::from("run/a"), &ids[0]))
        .unwrap();
    let (_, left) = client.send("GET", "/lake?uploads&prefix=run%2F", b"");
    assert!(!left.contains(&ids[0]) && left.contains(&ids[1]));
    assert_eq!(server.uploads().len(), 3);
}
