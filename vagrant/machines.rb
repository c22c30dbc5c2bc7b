# The machines of a site file, for the Vagrantfile. Everything that the two have in common
# is read from there: a machine's name is its key under `hosts`.
require "yaml"

# One virtual machine: what Vagrant has to know of a host.
Machine = Struct.new(:name, :fqdn, :addresses, :roles, keyword_init: true)

ALL_ROLES = %w[dns mx submission store].freeze

# Release => box for libvirt and VirtualBox: of the distribution's own makers, or, where they make
# none for both, of its cloud image. Boxes move and are renamed: MAILPROV_BOX names another.
BOXES = {
  "almalinux-8" => "almalinux/8",
  "centos-stream-9" => "centos/stream9",
  "centos-stream-10" => "centos/stream10",
  "debian-12" => "debian/bookworm64",
  "debian-13" => "debian/trixie64",
  "ubuntu-22.04" => "cloud-image/ubuntu-22.04",
  "ubuntu-24.04" => "cloud-image/ubuntu-24.04"
}.freeze

# Return the box of a release; abort, naming all, if there is none.
def box_of(release)
  BOXES.fetch(release) { abort "no box for #{release}: one of #{BOXES.keys.join(', ')}" }
end

# Return the machines that the site file at `path` describes, in its order.
def machines_of(path)
  site = YAML.safe_load(File.read(path, encoding: "UTF-8"))
  hosts = site.fetch("hosts")
  hosts.map do |key, host|
    Machine.new(
      name: key,
      fqdn: host.fetch("fqdn", "#{key}.#{site.fetch('domain')}"),
      addresses: Array(host.fetch("address")),
      # A lone host does everything, as in the site file.
      roles: Array(host.fetch("roles") { hosts.length == 1 ? ALL_ROLES : [] })
    )
  end
end
