use std::{
    collections::HashSet,
    net::{IpAddr, SocketAddr},
};

use url::{Host, Url};

use crate::{
    network::Network,
    reach::{Reach, reach_of},
};

/// Which addresses may be asked: https only except on loopback, no user-info,
/// and no way from a public name into the private network (OWASP ASVS 5.0,
/// 1.3.6: server-side request forgery).
#[derive(Debug)]
pub(crate) struct AddressRules {
    /// Names whose addresses may be private.
    hosts: HashSet<String>,
    /// Private networks in which any name may stand.
    networks: Vec<Network>,
}

/// Why an address is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) &'static str);

impl AddressRules {
    /// Rules that let these host names, addresses and networks be private.
    /// The error is the entry that is none of the three.
    pub(crate) fn new(private_hosts: Vec<String>) -> Result<Self, String> {
        let mut rules = Self { hosts: HashSet::new(), networks: Vec::new() };
        for entry in private_hosts {
            if let Ok(network) = entry.trim_matches(['[', ']']).parse() {
                rules.networks.push(network);
            } else if let Ok(Host::Domain(name)) = Host::parse(&entry) {
                rules.hosts.insert(without_final_dot(&name).to_owned());
            } else {
                return Err(entry);
            }
        }
        Ok(rules)
    }

    /// Judges what can be judged before the host's name is resolved.
    pub(crate) fn check_url(&self, url: &Url) -> Result<(), Refused> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused("the address holds a user name or password"));
        }
        let host = url.host().ok_or(Refused("the address names no host"))?;
        let loopback = is_loopback(&host);
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(Refused("plain http is for loopback only")),
            _ => return Err(Refused("only https is asked")),
        }
        match host {
            Host::Ipv4(address) if !loopback => self.check_address(address.into()),
            Host::Ipv6(address) if !loopback => self.check_address(address.into()),
            // A name is judged by what it is resolved to.
            _ => Ok(()),
        }
    }

    /// Judges the addresses that a name was resolved to, all of them: which
    /// one is connected to is not ours to choose.
    pub(crate) fn check_resolved(&self, name: &str, addresses: &[SocketAddr]) -> Result<(), Refused> {
        let mut addresses = addresses.iter().map(SocketAddr::ip);
        if is_loopback_name(name) {
            // Plain http goes there, so it must not leave the machine.
            return if addresses.all(|address| address.is_loopback()) {
                Ok(())
            } else {
                Err(Refused("localhost leads to another machine"))
            };
        }
        let may_be_private = self.hosts.contains(without_final_dot(name));
        addresses.try_for_each(|address| match reach_of(address) {
            Reach::Private if may_be_private => Ok(()),
            _ => self.check_address(address),
        })
    }

    fn check_address(&self, address: IpAddr) -> Result<(), Refused> {
        match reach_of(address) {
            Reach::Public => Ok(()),
            Reach::Private if self.networks.iter().any(|network| network.contains(address)) => Ok(()),
            Reach::Private => {
                Err(Refused("it leads to a private address, which the configuration does not allow"))
            }
            Reach::Never => Err(Refused("it leads to a link-local or reserved address")),
        }
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => is_loopback_name(name),
    }
}

/// `localhost` and what stands under it never leaves the machine (RFC 6761,
/// section 6.3).
fn is_loopback_name(name: &str) -> bool {
    let name = without_final_dot(name);
    name == "localhost" || name.ends_with(".localhost")
}

fn without_final_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIVATE: Refused = Refused("it leads to a private address, which the configuration does not allow");
    const RESERVED: Refused = Refused("it leads to a link-local or reserved address");

    fn rules(private_hosts: &[&str]) -> AddressRules {
        AddressRules::new(private_hosts.iter().map(ToString::to_string).collect()).unwrap()
    }

    fn check_url(rules: &AddressRules, url: &str) -> Result<(), Refused> {
        rules.check_url(&Url::parse(url).unwrap())
    }

    fn check_resolved(rules: &AddressRules, name: &str, addresses: &[&str]) -> Result<(), Refused> {
        let addresses: Vec<_> = addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect();
        rules.check_resolved(name, &addresses)
    }

    #[test]
    fn https_is_asked_and_cleartext_on_loopback_only() {
        let rules = rules(&[]);
        for good in [
            "https://ehr.example.org/",
            "https://8.8.8.8/",
            "http://127.0.0.1:8080/",
            "http://localhost/",
            "http://ehr.localhost/",
            "http://[::1]/",
            "https://localhost./",
        ] {
            assert_eq!(check_url(&rules, good), Ok(()), "{good}");
        }
        for bad in [
            "http://ehr.example.org/",
            "http://localhost.example.org/",
            "http://10.0.0.1/",
            "http://8.8.8.8/",
            "ftp://ehr.example.org/",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "https://a:b@ehr.example.org/",
            "https://a@ehr.example.org/",
            "https://:b@ehr.example.org/",
        ] {
            assert!(check_url(&rules, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_literal_private_address_is_refused_in_every_spelling() {
        let rules = rules(&[]);
        for private in [
            "https://10.0.0.1/",
            "https://0xA000001/",
            "https://167772161/",
            "https://012.0.0.1/",
            "https://[::ffff:10.0.0.1]/",
            "https://[fd00::1]/",
        ] {
            assert_eq!(check_url(&rules, private), Err(PRIVATE), "{private}");
        }
        for reserved in
            ["https://169.254.169.254/", "https://2852039166/", "https://0/", "https://[fe80::1]/"]
        {
            assert_eq!(check_url(&rules, reserved), Err(RESERVED), "{reserved}");
        }
    }

    #[test]
    fn one_private_address_among_public_ones_is_enough_to_refuse() {
        let rules = rules(&["inside.example.org"]);
        assert_eq!(check_resolved(&rules, "ehr.example.org", &["8.8.8.8", "2606:4700::1111"]), Ok(()));
        assert_eq!(check_resolved(&rules, "ehr.example.org", &["8.8.8.8", "192.168.0.1"]), Err(PRIVATE));
        assert_eq!(check_resolved(&rules, "ehr.example.org", &["127.0.0.1"]), Err(PRIVATE));
        assert_eq!(check_resolved(&rules, "ehr.example.org", &["169.254.169.254"]), Err(RESERVED));
    }

    #[test]
    fn what_the_operator_names_may_be_private_but_never_reserved() {
        let rules = rules(&["EHR.Hospital.example", "10.20.0.0/16", "192.168.7.7", "[fd00::7]"]);
        for name in ["ehr.hospital.example", "ehr.hospital.example."] {
            assert_eq!(check_resolved(&rules, name, &["172.16.0.9", "fd00::1"]), Ok(()));
            assert_eq!(check_resolved(&rules, name, &["169.254.169.254"]), Err(RESERVED));
        }
        assert_eq!(check_resolved(&rules, "sub.ehr.hospital.example", &["172.16.0.9"]), Err(PRIVATE));
        assert_eq!(check_resolved(&rules, "other.example", &["10.20.1.1", "192.168.7.7"]), Ok(()));
        assert_eq!(check_resolved(&rules, "other.example", &["10.21.1.1"]), Err(PRIVATE));
        assert_eq!(check_url(&rules, "https://10.20.3.4/"), Ok(()));
        assert_eq!(check_url(&rules, "https://[fd00::7]/"), Ok(()));
    }

    #[test]
    fn localhost_never_leaves_the_machine() {
        let rules = rules(&["localhost", "10.0.0.0/8"]);
        assert_eq!(check_resolved(&rules, "localhost", &["127.0.0.1", "::1"]), Ok(()));
        for elsewhere in ["10.0.0.1", "8.8.8.8"] {
            assert!(check_resolved(&rules, "ehr.localhost", &["127.0.0.1", elsewhere]).is_err());
        }
    }

    #[test]
    fn an_entry_that_is_neither_name_nor_network_is_told() {
        for wrong in ["", "https://ehr.example.org", "ehr.example.org:443", "10.0.0.0/33", "two words"] {
            assert_eq!(AddressRules::new(vec![wrong.to_owned()]).unwrap_err(), wrong);
        }
    }
}
