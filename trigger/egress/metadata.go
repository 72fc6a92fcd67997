package egress

import "net/netip"

// metadataService is an address at which a cloud returns a machine's credentials or accepts changes to the machine.
type metadataService struct {
	prefix netip.Prefix
	source string // a document or code of the cloud, or of software for it, that states the address
}

// metadataServices lists the addresses that stay blocked whatever egress.allow contains. 169.254.169.254 is the address at AWS, Azure, Google, Oracle, DigitalOcean, Hetzner, Akamai, Vultr, Exoscale, UpCloud, IBM, Huawei,
// Yandex, Outscale, Brightbox, Nutanix and OpenStack.
var metadataServices = []metadataService{
	{one("169.254.169.254"), "https://docs.cloud-init.io/en/latest/reference/datasources/ec2.html"},
	{one("fe80::a9fe:a9fe"), "https://docs.openstack.org/nova/latest/user/metadata.html"},
	{one("169.254.170.2"), "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html"},
	{one("169.254.170.23"), "https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html"},
	{netip.MustParsePrefix("fd00:ec2::/32"), "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html"}, // ::254 and EKS's ::23
	{one("169.254.169.252"), "https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity"},
	{one("fd20:ce::254"), "https://cloud.google.com/compute/docs/metadata/querying-metadata"},
	{one("168.63.129.16"), "https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16"},
	{one("fd00:c1::a9fe:a9fe"), "https://github.com/oracle/oci-python-sdk/blob/master/src/oci/auth/signers/instance_principals_security_token_signer.py"},
	{one("192.0.0.192"), "https://docs.oracle.com/en/cloud/iaas/compute-iaas-cloud/stcsg/retrieving-instance-metadata.html"},
	{one("fd00:a9fe:a9fe::1"), "https://techdocs.akamai.com/cloud-computing/docs/access-the-metadata-service-api"},
	{one("169.254.42.42"), "https://docs.cloud-init.io/en/latest/reference/datasources/scaleway.html"},
	{one("fd00:42::42"), "https://docs.cloud-init.io/en/latest/reference/datasources/scaleway.html"},
	{one("100.100.100.200"), "https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata"},
	{one("fd00:100::100:200"), "https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata"},
	{one("169.254.0.23"), "https://www.tencentcloud.com/document/product/213/4934"}, // metadata.tencentyun.com
	{one("169.254.10.10"), "https://www.tencentcloud.com/document/product/213/4934"},
	{one("100.96.0.96"), "https://github.com/volcengine/cello"}, // Volcengine, BytePlus
	{one("100.80.80.80"), "https://docs.ucloud.cn/uhost/guide/metadata/metadata-server"},
}

func one(address string) netip.Prefix {
	addr := netip.MustParseAddr(address)
	return netip.PrefixFrom(addr, addr.BitLen())
}

// isMetadata reports whether an address belongs to a metadata service.
func isMetadata(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for i := range metadataServices {
		if metadataServices[i].prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// isMetadataName reports whether a host name, as normalHost returns it, is the name of a metadata service. It covers names that only a proxy
// resolves; in all other cases the address is checked.
func isMetadataName(host string) bool {
	switch host {
	case "metadata.google.internal", "metadata.goog", "instance-data.ec2.internal", "metadata.tencentyun.com", "metadata.packet.net",
		"metadata.platformequinix.com":
		return true
	}
	return false
}
