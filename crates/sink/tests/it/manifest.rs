//! The manifest is a contract: documented JSON whose bytes follow from plan and receipts alone.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use lakeseed_sink::{
    BatchSource, Csv, Error, LocalStore, MANIFEST_VERSION, Manifest, MemoryStore, Partition, Plan,
    Run, TableSpec, inspect,
};

use crate::totals::oracle::row_hash;
use crate::trees::{folder, put, two_tables};

fn pets_rows() -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("Rex"), None, Some("Mia")]));
    let days: ArrayRef = Arc::new(Int64Array::from(vec![7, 7, 8]));
    let columns = [
        ("id", ids, false),
        ("name", names, true),
        ("day", days, false),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn pets() -> Plan<'static> {
    let batch = pets_rows();
    let partition = |day: &str, rows| Partition {
        values: vec![Some(day.to_owned())],
        rows,
    };
    let table = TableSpec::new("pets", BatchSource::new(batch), 0..3)
        .partitioned_by(["day"], vec![partition("7", 0..2), partition("8", 2..3)]);
    Plan::builder(Csv::plain())
        .data_id("pets v1, seed 42")
        .data(serde_json::json!({"dataset": "pets", "seed": 42}))
        .table(table)
        .build()
        .unwrap()
}

#[test]
fn the_manifest_is_documented_json() {
    let plan = pets();
    let store = MemoryStore::new();
    Run::new(&plan, &store).commit().unwrap();
    let manifest = store.manifest().unwrap();
    let digest = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
    // Of all columns, those of the path too.
    let hash = |at, rows| format!("{:032x}", row_hash(&[pets_rows().slice(at, rows)]));
    let version = env!("CARGO_PKG_VERSION");
    let (id, run_id) = (plan.id(), &manifest.run_id);
    let expected = format!(
        r#"{{
  "version": 2,
  "written_by": "lakeseed {version}",
  "run_id": "{run_id}",
  "number": 1,
  "data_id": "pets v1, seed 42",
  "plans": [
    {{
      "id": "{id}",
      "data": {{
        "dataset": "pets",
        "seed": 42
      }}
    }}
  ],
  "format": "csv",
  "compression": "none",
  "tables": [
    {{
      "name": "pets",
      "rows": 3,
      "bytes": 31,
      "columns": [
        {{
          "name": "id",
          "type": "Int64",
          "nullable": false
        }},
        {{
          "name": "name",
          "type": "Utf8",
          "nullable": true
        }}
      ],
      "partition_columns": [
        "day"
      ],
      "totals": {{
        "rows": 3,
        "row_hash": "{}",
        "nulls": {{
          "name": 1
        }}
      }},
      "parts": [
        {{
          "path": "pets/day=7/part-00000-{id}.csv",
          "first_row": 0,
          "rows": 2,
          "bytes": 17,
          "blake3": "{}",
          "totals": {{
            "rows": 2,
            "row_hash": "{}",
            "nulls": {{
              "name": 1
            }}
          }}
        }},
        {{
          "path": "pets/day=8/part-00000-{id}.csv",
          "first_row": 2,
          "rows": 1,
          "bytes": 14,
          "blake3": "{}",
          "totals": {{
            "rows": 1,
            "row_hash": "{}"
          }}
        }}
      ]
    }}
  ]
}}
"#,
        hash(0, 3),
        digest("id,name\n1,Rex\n2,\n"),
        hash(0, 2),
        digest("id,name\n3,Mia\n"),
        hash(2, 1),
    );
    let json = String::from_utf8(manifest.to_json().unwrap()).unwrap();
    assert_eq!(json, expected);
    assert_eq!(MANIFEST_VERSION, 2);
    assert_eq!(Manifest::from_json(json.as_bytes()).unwrap(), manifest);
    assert_eq!(run_id.len(), 16);
    assert!(run_id.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[test]
fn its_bytes_depend_on_the_plan_alone() {
    let plan = two_tables(1_000, 4);
    let mut seen = Vec::new();
    for threads in [1, 2, 5] {
        let store = MemoryStore::new();
        Run::new(&plan, &store).threads(threads).commit().unwrap();
        seen.push(store.manifest().unwrap().to_json().unwrap());
    }
    let (_parent, root) = folder();
    Run::new(&plan, &LocalStore::new(&root)).commit().unwrap();
    seen.push(std::fs::read(root.join("_lakeseed/manifest-000001.json")).unwrap());
    assert!(seen.iter().all(|bytes| *bytes == seen[0]));
}

#[test]
fn what_cannot_be_read_is_named_and_left_alone() {
    let plan = two_tables(1_000, 2);
    let store = MemoryStore::new();
    Run::new(&plan, &store).commit().unwrap();
    let good = String::from_utf8(store.manifest().unwrap().to_json().unwrap()).unwrap();
    for text in [
        String::new(),
        "{".to_owned(),
        "[]".to_owned(),
        good.replace("\"version\": 2", "\"version\": 3"),
        good.replace("\"number\": 1", "\"number\": 2"),
        good[..good.len() / 2].to_owned(),
    ] {
        let (_parent, root) = folder();
        put(root.join("_lakeseed/manifest-000001.json"), &text);
        let local = LocalStore::new(&root);
        let error = inspect(&local).unwrap_err();
        assert!(matches!(error, Error::Exists { .. }), "{error}");
        assert!(
            error.to_string().contains("manifest-000001.json"),
            "{error}"
        );
    }
    // One on its way is none.
    let (_parent, root) = folder();
    put(
        root.join("_lakeseed/manifest-000001.json.0123.inprogress"),
        &good,
    );
    put(root.join("_lakeseed/plan-0123.json.0123.inprogress"), "{");
    let local = LocalStore::new(&root);
    assert!(inspect(&local).unwrap().is_empty());
    Run::new(&plan, &local).commit().unwrap();
}
