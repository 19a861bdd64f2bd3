print("dga")
