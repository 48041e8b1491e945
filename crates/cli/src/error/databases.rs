//! What the errors of a load mean to somebody at a command line.

use lakeseed_sink::{Error, Trouble};

use super::{Failure, Moment};

/// `left` is what stands.
pub(super) fn of_loading(error: Error, left: &str) -> Failure {
    let is_on_the_way = matches!(error, Error::Incomplete { .. });
    match error.cause() {
        Error::OtherPlan {
            address,
            expected,
            found,
        } => {
            let advice = "choose another database or schema, or --if-exists append or replace";
            Failure::refused(format!("{expected} at {address}"), found, advice)
        }
        Error::InUse { address, by } => {
            Failure::refused(format!("nobody else at {address}"), by, "wait for it")
        }
        Error::Name { .. } | Error::Unsupported { .. } => Failure::usage(
            "what the database can hold",
            error.cause(),
            "load other tables, or convert the columns before",
        ),
        cause @ (Error::Value { .. } | Error::Input { .. })
            if is_on_the_way || matches!(cause, Error::Value { .. }) =>
        {
            Failure::failed(format!("{cause}; {left}"))
        }
        Error::Remote {
            action,
            address,
            trouble,
            ..
        } => {
            let (action, address, trouble) = (*action, address.clone(), *trouble);
            let chain = anyhow::Error::new(error);
            let cause = chain.root_cause();
            let advice = advice(trouble);
            if !is_on_the_way {
                return Failure::refused(format!("to {action} {address}"), cause, advice);
            }
            let line = format!("expected to {action} {address}, got {cause}; {left}; {advice}");
            match trouble {
                // Nothing that time or somebody else would mend.
                Trouble::Other | Trouble::Unsupported => Failure::failed(line),
                _ => Failure::incomplete(line),
            }
        }
        _ if is_on_the_way => {
            let left = left.to_owned();
            Failure::of_writing(error, Moment::OnTheWay { left })
        }
        _ => Failure::of_writing(error, Moment::BeforeTheStart),
    }
}

fn advice(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Denied => {
            "check the user and the password (PGPASSWORD, MYSQL_PWD), and what the user is allowed to do"
        }
        Trouble::Missing => "check the names of database and schema",
        Trouble::Unreachable => "check the address and the network, and repeat the command",
        Trouble::Untrusted => {
            "check the address, or trust its authority with sslrootcert or ssl-ca behind the database"
        }
        Trouble::Full => "make room there, and repeat the command",
        Trouble::Unsupported => "choose another server",
        Trouble::Other => "change what is in the way, or give --if-exists replace",
        _ => "repeat the command",
    }
}
